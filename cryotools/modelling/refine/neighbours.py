"""Atoms that may repel one another: those near in space, but more than three bonds apart."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from cryotools.core.structures.structure import Structure

_RADIUS = {6: 1.70, 7: 1.55, 8: 1.40, 16: 1.80}  # Å, without hydrogens
_OVERLAP = 0.25  # Å that is allowed; from 0.4 Å it is a clash
_POLAR, _HYDROGEN_BOND = (7, 8), 2.7  # nearest N and O, Å
_SULFURS = 2.0  # Å, of a disulfide
_REACH = 5.0  # Å; pairs within it are looked at until the next update
_APART = 3  # bonds


class Neighbours:
    """The bonds of a structure, from which pairs of neighbours are excluded that are at most three bonds apart."""

    def __init__(self, structure: Structure, bonds: np.ndarray) -> None:
        count = len(structure)
        ends = np.concatenate([bonds, bonds[:, ::-1]])
        one = csr_array((np.ones(len(ends), dtype=np.int32), (ends[:, 0], ends[:, 1])), shape=(count, count))
        reach, step = one, one
        for _ in range(_APART - 1):
            step = step @ one
            reach = reach + step
        reach = reach.tocoo()
        self.bonded = np.unique(reach.row.astype(np.int64) * count + reach.col)
        self.element = structure.element
        self.radius = np.array([_RADIUS.get(number, _RADIUS[6]) for number in range(256)])[structure.element]

    def pairs(self, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (k, 2) of atoms at `xyz` (n, 3) that may come too near, and the distances (k,) in Å to keep."""
        found = cKDTree(xyz).query_pairs(_REACH, output_type="ndarray").astype(np.int64)
        found = found[~np.isin(found[:, 0] * len(xyz) + found[:, 1], self.bonded)]
        least = self.radius[found].sum(axis=1) - _OVERLAP
        element = self.element[found]
        least[np.isin(element, _POLAR).all(axis=1)] = _HYDROGEN_BOND
        least[(element == 16).all(axis=1)] = _SULFURS
        return found, least
