"""Code shared by all systems: maps, structures, grids, tiles, devices, checkpoints, output, progress.

It is independent of any particular biological task or network, and never prints, exits or reads the command line.
"""
