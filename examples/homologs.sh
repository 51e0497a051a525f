#!/bin/sh
# From a sequence to homologs, and from these to helices and sheets of a map: docked, or with a fitted network.
set -eu
out=${1:?give a folder to write to}
steps=${2:-10}
mkdir -p "$out"

printf '>query\n%s\n' IVGGYTCGANTVPYQVSLNSGYHFCGGSLINSQWVVSAAHCYKSGIQVRLGEDNINVVEGNEQFISASKSIVHPSYNSNTLNNDIMLIKLKSAAS \
    > "$out/query.fasta"
cryotools struc2map examples/1gbt.cif "$out/map.mrc" --res 4.5
cryotools find-homologs "$out/query.fasta" "$out/homologs" --db examples
cryotools annotate-sse "$out/map.mrc" "$out/docked" --res 4.5 --homologs "$out/homologs"
cryotools finetune "$out/map.mrc" "$out/tuned" --homologs "$out/homologs" --res 4.5 --steps "$steps" --boxes 8
cryotools annotate-sse "$out/map.mrc" "$out/fitted" --res 4.5 --weights "$out/tuned/model.safetensors"
