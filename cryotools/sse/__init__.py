"""annotate-sse: helices, strands and nucleotides in maps.

`dssp` and `assign` tell the class of each residue of a model, `labels` carries the classes over to a map's voxels.
`inputs` brings maps into one form, `network` classifies them voxel by voxel. `score` compares class maps with a model,
`ridges` and `elements` turn them into axes of helices and points of strands.
"""
