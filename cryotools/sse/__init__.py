"""annotate-sse: helices, strands and nucleotides in maps.

Truth: `dssp` and `assign` tell the class of each residue of a model, `labels` carries the classes over to voxels.
Network: `inputs` brings maps into one form (`soften` into one sharpness), `network` classifies them voxel by voxel.
Training: `train`, on `examples` of experimental maps and `simulated` ones (`simulate.boxes`); `tasks`
sets a run up, `calibrate` fits the temperature. Use: `predict` annotates a map, `check` (with `hand`) says what is odd
about it, `elements` and `ridges` find axes and strands, `output`, `pseudoatoms` and `preview` write and draw. `score`
compares class maps with one model, `evaluate` with many.
"""
