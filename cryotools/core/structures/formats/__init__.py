"""Text formats of structure files: PDB and its dialects, PDBQT, mmCIF."""
