"""Identification of atoms and residues: elements, residue classes and the tables for them."""
