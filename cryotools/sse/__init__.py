"""annotate-sse: helices, strands and nucleotides in maps.

Truth (`truth`): `dssp` and `assign` determine the class of each residue of a model, `labels` that of each voxel.
Network: `core.maps.prepare` brings maps into a common form, `network` classifies them voxel by voxel. Training
(`learning`): `train`, on `examples` of experimental maps and `simulated` ones (`simulate.boxes`); `tasks` sets up a
run, `calibrate` fits the temperature. Use: `predict` annotates a map, `check` (with `elements.hand`) warns of anything
unusual about it, `elements.find` and `elements.ridges` find helix axes and strands, `elements.pseudoatoms`, `output`
and `preview` write and draw. `score` compares class maps with one model, `evaluate` with many.
"""
