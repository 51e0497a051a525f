#!/bin/sh
# Where trypsin binds its ligand: in a map of the complex, and in a map of the protein alone.
set -eu
out=${1:?give a folder to write to}
mkdir -p "$out"

cryotools struc2map examples/1gbt.cif "$out/complex.mrc" --res 4.5
cryotools locate-sites "$out/complex.mrc" "$out/complex" --res 4.5 --structure examples/1gbt.cif --preview "$out/complex.png"
cryotools struc2map examples/1gbt.cif "$out/alone.mrc" --res 4.5 --select protein
cryotools locate-sites "$out/alone.mrc" "$out/alone" --res 4.5 --structure examples/1gbt.cif
