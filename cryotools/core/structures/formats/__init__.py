"""The text of structure files: PDB and its dialects, PDBQT, mmCIF."""
