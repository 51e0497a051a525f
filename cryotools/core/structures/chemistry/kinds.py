"""Classify atoms as protein, nucleic acid, water or ligand."""

from __future__ import annotations

import numpy as np

from cryotools.core.structures.chemistry.residueclass import NamedResidues, ResidueClass
from cryotools.core.structures.structure import LIGAND, NUCLEIC, PROTEIN, WATER, Structure

_LIKE = (ResidueClass.AMINO_LIKE, ResidueClass.NUCLEOTIDE_LIKE, ResidueClass.BOTH_LIKE)
_OF_CLASS = np.full(len(ResidueClass), LIGAND, dtype=np.uint8)
_OF_CLASS[[ResidueClass.AMINO, ResidueClass.MODIFIED_AMINO, ResidueClass.AMINO_LIKE]] = PROTEIN
_OF_CLASS[[ResidueClass.NUCLEOTIDE, ResidueClass.MODIFIED_NUCLEOTIDE, ResidueClass.NUCLEOTIDE_LIKE]] = NUCLEIC
_OF_CLASS[ResidueClass.WATER] = WATER
_ENDS = {PROTEIN: (("C",), ("N",)), NUCLEIC: (("O3'", "O3*"), ("P",))}  # bonded atoms of a residue and the next
_BOND = 2.0  # Å, longer than a C-N or O-P bond, shorter than non-bonded distances


def residue_kinds(structure: Structure, residues: NamedResidues) -> np.ndarray:
    """LIGAND, PROTEIN, NUCLEIC or WATER (n,) for each atom of `structure`; `structure.kind` is ignored.

    A residue with an unknown name is classified by its atoms: N, CA and C make it an amino acid, C1', C3' and C4' a
    nucleotide, if it is an ATOM record, or HETATM bonded to the previous or next residue. All others are ligands.
    """
    classes = residues.atom_classes
    kind = _OF_CLASS[classes]
    unsure = np.isin(classes, _LIKE) & (structure.hetero | (classes == ResidueClass.BOTH_LIKE))
    if not unsure.any():
        return kind
    kind[unsure] = LIGAND
    residue = structure.residue_index()
    for which, (tail, head) in _ENDS.items():
        ends = np.flatnonzero(np.isin(structure.atom_name, tail + head) & (unsure | (kind == which)))
        before, after = ends[:-1], ends[1:]
        joined = residue[before] != residue[after]
        joined &= np.isin(structure.atom_name[before], tail) & np.isin(structure.atom_name[after], head)
        joined &= np.linalg.norm(structure.xyz[after] - structure.xyz[before], axis=1) <= _BOND
        bonded = np.concatenate([residue[before[joined]], residue[after[joined]]])
        kind[unsure & np.isin(residue, bonded)] = which
    return kind
