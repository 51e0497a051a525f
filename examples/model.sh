#!/bin/sh
# From a map and a sequence to an atomic model, and how right it is.
set -eu
out=${1:?give a folder to write to}
mkdir -p "$out"

cryotools struc2map examples/1gbt.cif "$out/map.mrc" --res 3 --apix 1
cryotools detect-anchors "$out/map.mrc" "$out/residues.cif" --res 3
cryotools build-model "$out/map.mrc" "$out/model.cif" --sequence examples/1gbt.fasta --res 3 --report "$out/model.md"
cryotools score-model "$out/model.cif" --reference examples/1gbt.cif --map "$out/map.mrc"
