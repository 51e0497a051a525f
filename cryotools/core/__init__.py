"""What every system shares: maps, structures, grids, tiles, devices, checkpoints, output, progress.

Nothing here knows biology or any one network, and nothing here prints, exits or reads the command line.
"""
