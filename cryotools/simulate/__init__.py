"""struc2map: from atoms to a density map.

`struc2map` runs one of the `methods` on chosen `atoms` and a `layout` of the grid; `gaussians` are the classical ones,
`inputs`, `network`, `train` and `predict` the learned one. `chimerax` and `eman` replace molmap and e2pdb2mrc.py.
"""
