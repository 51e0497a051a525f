#!/bin/sh
# How far does a blurred, noisy map agree with the clean one, and to what resolution?
set -eu
out=${1:?give a folder to write to}
mkdir -p "$out"

cryotools struc2map examples/1gbt.cif "$out/clean.mrc" --res 3 --apix 1
cryotools struc2map examples/1gbt.cif "$out/noisy.mrc" --res 4 --noise 0.5 --like "$out/clean.mrc"
cryotools compare-maps "$out/clean.mrc" "$out/noisy.mrc" --around examples/1gbt.cif \
    --csv "$out/scores.csv" --fsc-csv "$out/fsc.csv" --fsc-plot "$out/fsc.png"
