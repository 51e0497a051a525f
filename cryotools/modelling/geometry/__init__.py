"""Stereochemistry of proteins: what bonds, angles, planes and torsions should be, and where a model departs from it."""
