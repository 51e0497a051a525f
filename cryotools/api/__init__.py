"""The functions of `import cryotools as ct`: what the commands do, for notebooks and scripts; a module for each system.

Structures are given as file names or `Structure`, maps as file names, `Volume` or arrays `(nz, ny, nx)` with their
`voxel_size`. Results are objects. Nothing is printed: what is odd is a `CryotoolsWarning`, what is only worth knowing
a `CryotoolsNote`, and what cannot be done raises a `CryotoolsError`.
"""
