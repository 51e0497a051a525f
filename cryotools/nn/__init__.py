"""Networks and building blocks that more than one system uses.

No layer here makes the result at a voxel depend on the whole tile, so tiles and whole volumes agree.
"""
