#!/bin/sh
# Helices and sheets in a map: found from the map alone, then held against the model residue by residue.
set -eu
out=${1:?give a folder to write to}
mkdir -p "$out"

cryotools struc2map examples/1gbt.cif "$out/map.mrc" --res 3.5
cryotools annotate-sse "$out/map.mrc" "$out/trypsin" --res 3.5 --preview "$out/trypsin.png"
cryotools annotate-sse "$out/map.mrc" "$out/checked" --res 3.5 --structure examples/1gbt.cif
cryotools eval-sse "$out/map.mrc" examples/1gbt.cif --res 3.5 --csv "$out/scores.csv"
