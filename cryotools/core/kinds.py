"""What a residue is: protein, nucleic acid, water or ligand."""

from __future__ import annotations

import gemmi
import numpy as np

from cryotools.core.structure import LIGAND, NUCLEIC, PROTEIN, WATER, WATER_NAMES


def residue_kinds(residue_name: np.ndarray, atom_name: np.ndarray, hetero: np.ndarray) -> np.ndarray:
    """LIGAND, PROTEIN, NUCLEIC or WATER per atom, by residue name; unknown names by whether they are HETATM."""
    changes = np.flatnonzero(np.append(True, residue_name[1:] != residue_name[:-1]))
    names, run = np.unique(residue_name[changes], return_inverse=True)
    at = np.repeat(run, np.diff(changes, append=len(residue_name)))
    kinds = np.full(len(names), LIGAND, dtype=np.uint8)
    untabulated = np.zeros(len(names), dtype=bool)
    for i, residue in enumerate(names):
        known = gemmi.find_tabulated_residue(str(residue))
        if known.is_water() or residue in WATER_NAMES:
            kinds[i] = WATER
        elif known.is_amino_acid():
            kinds[i] = PROTEIN
        elif known.is_nucleic_acid():
            kinds[i] = NUCLEIC
        untabulated[i] = not known.found()
    kind = kinds[at]
    unsure = untabulated[at] & ~hetero & (kind != WATER)
    if unsure.any():
        nucleic = np.unique(residue_name[unsure & np.isin(atom_name, ["C1'", "C1*", "P"])])
        kind[unsure] = np.where(np.isin(residue_name[unsure], nucleic), NUCLEIC, PROTEIN)
    return kind
