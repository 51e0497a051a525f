"""struc2map: from atoms to a density map.

`struc2map` runs one of the `methods` on the selected `atoms` and the grid from `layout`. `classical` holds the methods
by formula and the replacements for molmap and e2pdb2mrc.py, `learned` the networks.
"""
