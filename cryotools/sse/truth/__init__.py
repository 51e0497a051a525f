"""The class of each residue and voxel, from a model: DSSP, the authors' records, labels."""
