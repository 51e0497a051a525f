"""The class of each residue and voxel, determined from a model: DSSP, the authors' records, labels."""
