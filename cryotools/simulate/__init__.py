"""struc2map: from atoms to a density map.

`gaussians` turns atoms into Gaussians, `layout` lays the grid, `methods` names the ways to
fill it, `struc2map` runs one. `chimerax` and `eman` hold the drop-in replacements for molmap and e2pdb2mrc.py.
"""
