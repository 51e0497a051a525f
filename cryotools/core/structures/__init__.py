"""Atomic models: arrays per atom, readers and writers, assemblies, selections, lists of structures.

`formats` holds what PDB, PDBQT and mmCIF text needs, `chemistry` what elements and residues are.
"""
