"""Density on grids: volumes, map files, image stacks, resampling, levels, shells, splatting, distances, rotations."""
