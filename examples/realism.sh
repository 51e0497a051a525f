#!/bin/sh
# From deposited maps and models to a generator of maps, a discriminator, and its verdict.
#
# realism.sh OUT [PAIRS [STEPS]]: PAIRS is a list as `cryotools docs training-data` describes; the one beside this script names
# five entries of the public archives, which are downloaded. TRAINING may hold more options for both networks.
set -eu
out=${1:?give a folder to write to}
pairs=${2:-examples/pairs.csv}
steps=${3:-3000}
mkdir -p "$out"

# 1. judge the pairs and make a training set; the page report.html shows each
cryotools curate "$pairs" "$out/set" --fetch

# 2. a generator of maps, and a discriminator that never meets it; both hold out the maps of fold 0
cryotools train-gan "$out/set" "$out/generator" --fold 0 --steps "$steps" ${TRAINING-}
cryotools train-disc "$out/set" "$out/discriminator" --fold 0 --steps "$steps" ${TRAINING-}

# 3. learned and classical maps of a structure that neither has seen, and what the discriminator makes of them
cryotools struc2map examples/1gbt.cif "$out/gan.mrc" --res 3 --network "$out/generator/model.safetensors"
cryotools struc2map examples/1gbt.cif "$out/molmap.mrc" --res 3 --method molmap
for method in gan molmap; do
    cryotools eval-disc "$out/$method.mrc" "$out/${method}_real.mrc" --structure examples/1gbt.cif \
        --weights "$out/discriminator/model.safetensors" --csv "$out/$method.csv" --residues "$out/${method}_residues.csv"
done
cryotools compare-maps "$out/gan.mrc" "$out/molmap.mrc" --preview "$out/maps.png"
