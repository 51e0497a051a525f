"""Density on grids: volumes, map files, image stacks, resampling, density levels, Fourier shells, splatting, distances
and rotations.
"""
