"""Maps by formula: atoms as Gaussians, on the scales of ChimeraX's molmap and EMAN2's e2pdb2mrc.py."""
