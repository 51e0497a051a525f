"""Networks and building blocks that more than one system uses.

Nothing here holds a layer whose result at one voxel depends on a whole tile, so tiles and whole volumes agree.
"""
