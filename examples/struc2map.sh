#!/bin/sh
# Maps of one structure: learned, classical, on another map's grid, one site, and the unit that is biologically relevant.
set -eu
out=${1:?give a folder to write to}
mkdir -p "$out"

cryotools struc2map examples/1gbt.cif "$out/whole.mrc" --res 3 --apix 1
cryotools struc2map examples/1gbt.cif "$out/electron.mrc" --like "$out/whole.mrc" --res 3 --method molmap --weights electron
cryotools struc2map examples/1gbt.cif "$out/ligand.mrc" --like "$out/whole.mrc" --res 3 --select "ligand and not water"
cryotools struc2map examples/1gbt.cif "$out/assembly.mrc.gz" --res 6 --apix 2 --assembly 1 --mode 12
cryotools info "$out/assembly.mrc.gz"
