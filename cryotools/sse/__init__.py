"""annotate-sse: helices, strands and nucleotides in maps.

`dssp` and `assign` tell the class of each residue of a model, `labels` carries the classes over to a map's voxels.
"""
