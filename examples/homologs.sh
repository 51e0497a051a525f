#!/bin/sh
# From a sequence to homologs, and from these to helices and sheets of a map: docked, or with a fitted network. Trypsin in a
# simulated map, with itself as the homolog, unless a map, its resolution, sequences and a folder of structures are given.
set -eu
out=${1:?give a folder to write to}
steps=${2:-10}
map=${3:-$out/map.mrc}
res=${4:-4.5}
sequences=${5:-examples/1gbt.fasta}
structures=${6:-examples}
mkdir -p "$out"

test -e "$map" || cryotools struc2map examples/1gbt.cif "$map" --res "$res"
cryotools find-homologs "$sequences" "$out/homologs" --db "$structures"
cryotools annotate-sse "$map" "$out/docked" --res "$res" --homologs "$out/homologs"
cryotools finetune "$map" "$out/tuned" --homologs "$out/homologs" --res "$res" --steps "$steps" --boxes 8
cryotools annotate-sse "$map" "$out/fitted" --res "$res" --weights "$out/tuned/model.safetensors"
