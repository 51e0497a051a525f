#!/bin/sh
# A line for e2pdb2mrc.py and a line for ChimeraX's molmap, with only the program's name changed.
set -eu
out=${1:?give a folder to write to}
mkdir -p "$out"

cryotools pdb2mrc examples/1gbt.cif "$out/eman.mrc" --apix 1 --res 4 --center
cryotools molmap examples/1gbt.cif 4 "$out/chimerax.mrc" --gridSpacing 1 --edgePadding 12

# struc2map gives either scale on a grid that overlays the structure
cryotools struc2map examples/1gbt.cif "$out/overlay.mrc" --method pdb2mrc --res 4 --waters --no-occupancy
cryotools compare-maps "$out/chimerax.mrc" "$out/overlay.mrc" --json
