"""Maps by formula: Gaussians per atom in the scales of ChimeraX's molmap and EMAN2's e2pdb2mrc.py."""
