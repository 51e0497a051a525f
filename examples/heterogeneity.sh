#!/bin/sh
# A particle set of known truth: one barrel of a protein turns against the other. Is the motion found from the images?
set -eu
out=${1:?give a folder to write to}
images=${2:-4000} # of 32 pixels
epochs=${3:-10}
mkdir -p "$out"

cryotools simulate-particles examples/1gbt.cif "$out/turning.star" --rotate "residue 16-120" --angle 0:90 --states 10 \
  --n "$images" --box 32 --snr 0.2
cryotools backproject "$out/turning.star" "$out/mean.mrc" --preview "$out/mean.png"
cryotools train-drgn "$out/turning.star" "$out/linear" --decoder linear --zdim 4
cryotools train-drgn "$out/turning.star" "$out/network" --zdim 4 --epochs "$epochs" --width 128
for run in linear network; do
  cryotools score-drgn "$out/$run" "$out/turning_truth" "$out/$run.csv" --plot "$out/$run.png"
  cryotools analyze-drgn "$out/$run" "$out/${run}_report" --clusters 5 # open report.html in a browser
done
cryotools eval-drgn "$out/network" "$out/particle.mrc" --particle 0
cryotools filter-particles "$out/turning.star" "$out/cluster.star" --rows "$out/network_report/clusters.csv" --where cluster=1
