"""Atomic models: arrays per atom, readers and writers, assemblies, selections, lists of structures.

`formats` handles PDB, PDBQT and mmCIF text; `chemistry` identifies elements and residues.
"""
