"""Clashes: pairs of heavy atoms that are not bonded but closer than their van der Waals radii allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structure import LIGAND, NUCLEIC, WATER, Structure
from cryotools.modelling.geometry.targets import AtomTable

OVERLAP = 0.4  # Å, from which an overlap is a clash, as in MolProbity
APART = 3  # bonds; atoms nearer along the chain are not compared
# Å, of atoms without their hydrogens; other elements as carbon
_RADII = {6: 1.70, 7: 1.55, 8: 1.40, 15: 1.80, 16: 1.80, 34: 1.90}
_POLAR = (7, 8)
_HYDROGEN_BOND = 2.5  # Å: nearer N and O clash, whatever their radii
_COVALENT = {1: 0.31, 6: 0.76, 7: 0.71, 8: 0.66, 15: 1.07, 16: 1.05, 34: 1.20}
_SLACK = 0.45  # Å longer than the sum of covalent radii is still a bond
_DISULFIDE = 2.5  # Å
_WIDEST = 2 * max(_RADII.values()) - OVERLAP
_LONGEST = 2 * max(_COVALENT.values()) + _SLACK  # Å, a bond


@dataclass(frozen=True)
class Clashes:
    """Pairs of `atoms` int (k, 2) of the structure and their `overlap` (k,) in Å, of `count` atoms looked at."""

    atoms: np.ndarray
    overlap: np.ndarray
    count: int

    def __len__(self) -> int:
        return len(self.overlap)

    @property
    def per_thousand(self) -> float:
        """Clashes per 1,000 atoms; NaN without atoms."""
        return 1000 * len(self) / self.count if self.count else float("nan")


class NonbondedPairs:
    """Pairs of heavy atoms of a structure that are more than three bonds apart, and how near they may come.

    Bonds are those given, `bonds` int (k, 2), those between residues, and what is near enough in the structure as is:
    within a residue, to a ligand, between two SG. Hydrogens and water are left out, of alternate locations all but the
    most occupied, and metal ions, which are bonded to what is near.
    """

    def __init__(self, structure: Structure, residues: Residues, bonds: np.ndarray) -> None:
        heavy = structure.most_occupied() & (structure.element > 1) & (structure.kind != WATER)
        ion = (structure.kind == LIGAND) & ~np.isin(structure.element, list(_COVALENT))
        self.atoms = np.flatnonzero(heavy & ~ion)
        element = structure.element[self.atoms]
        self._radius = np.array([_RADII.get(number, _RADII[6]) for number in range(256)])[element]
        self._polar = np.isin(element, _POLAR)
        self._near = self._near_along_bonds(structure, residues, bonds)

    def within(self, xyz: np.ndarray, margin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of atoms of the structure (k, 2) that at positions `xyz` (n, 3) are nearer than they may be by up to
        `margin` Å more, and the distance (k,) from which they clash: 0.4 Å less than the sum of their radii, and for N
        and O, which may form a hydrogen bond, at most 2.5 Å.
        """
        pairs = _pairs(xyz[self.atoms], _WIDEST + margin)
        least = self._radius[pairs].sum(axis=1) - OVERLAP
        least[self._polar[pairs].all(axis=1)] = np.minimum(least[self._polar[pairs].all(axis=1)], _HYDROGEN_BOND)
        here = xyz[self.atoms]
        apart = np.linalg.norm(here[pairs[:, 0]] - here[pairs[:, 1]], axis=1)
        keep = np.flatnonzero(apart <= least + margin)
        keep = keep[~np.isin(self._key(pairs[keep]), self._near)]
        return self.atoms[pairs[keep]], least[keep]

    def overlap(self, xyz: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """By how many Å the van der Waals spheres of pairs (k, 2) overlap, (k,)."""
        place = np.searchsorted(self.atoms, pairs)
        return self._radius[place].sum(axis=1) - np.linalg.norm(xyz[pairs[:, 0]] - xyz[pairs[:, 1]], axis=1)

    def _key(self, pairs: np.ndarray) -> np.ndarray:
        """A number (k,) for each pair (k, 2) of indices in `atoms`, the first below the second."""
        return pairs.min(axis=1).astype(np.int64) * len(self.atoms) + pairs.max(axis=1)

    def _near_along_bonds(self, structure: Structure, residues: Residues, bonds: np.ndarray) -> np.ndarray:
        """The keys (k,) of the pairs that are at most three bonds apart."""
        from scipy.sparse import csr_array

        count = len(self.atoms)
        place = np.full(len(structure) + 1, -1)
        place[self.atoms] = np.arange(count)
        pairs = _pairs(structure.xyz[self.atoms], _LONGEST)
        near = pairs[_bonded(structure, self.atoms, pairs)]
        bonds = np.concatenate([near, place[bonds], place[_links(structure, residues)]])
        bonds = bonds[(bonds >= 0).all(axis=1)]
        ends = np.concatenate([bonds, bonds[:, ::-1]])
        one = csr_array((np.ones(len(ends), dtype=np.int32), (ends[:, 0], ends[:, 1])), shape=(count, count))
        reach, step = one, one
        for _ in range(APART - 1):
            step = step @ one
            reach = reach + step
        first, second = reach.nonzero()
        return np.unique(self._key(np.stack([first, second], axis=1)))


def find_clashes(structure: Structure, residues: Residues, bonds: np.ndarray) -> Clashes:
    """Pairs of heavy atoms more than three bonds apart that overlap by 0.4 Å or more (see `NonbondedPairs`), the worst
    first; `bonds` int (k, 2) are those of the structure that are known.
    """
    nonbonded = NonbondedPairs(structure, residues, bonds)
    pairs, _ = nonbonded.within(structure.xyz)
    overlap = nonbonded.overlap(structure.xyz, pairs)
    order = np.argsort(-overlap, kind="stable")
    return Clashes(pairs[order], overlap[order], len(nonbonded.atoms))


def _pairs(xyz: np.ndarray, reach: float) -> np.ndarray:
    """Pairs (k, 2) of points (n, 3) up to `reach` apart."""
    from scipy.spatial import cKDTree

    return cKDTree(xyz).query_pairs(reach, output_type="ndarray") if len(xyz) else np.zeros((0, 2), dtype=int)


def _bonded(structure: Structure, use: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Which pairs (k, 2) of the atoms `use` are bonded by their distance: in a residue, to a ligand, and disulfides."""
    xyz = structure.xyz[use]
    apart = np.linalg.norm(xyz[pairs[:, 0]] - xyz[pairs[:, 1]], axis=1)
    element, kind = structure.element[use][pairs], structure.kind[use][pairs]
    residue = structure.residue_index()[use][pairs]
    covalent = np.array([_COVALENT.get(number, _COVALENT[6]) for number in range(256)])
    close = apart < covalent[element].sum(axis=1) + _SLACK
    same = residue[:, 0] == residue[:, 1]
    ligand = (kind == LIGAND).any(axis=1)
    sulfur = (element == 16).all(axis=1) & (apart < _DISULFIDE)
    return (close & (same | ligand)) | sulfur


def _links(structure: Structure, residues: Residues) -> np.ndarray:
    """Atoms (k, 2) of the bonds between residues of a chain."""
    table = AtomTable(structure, residues)
    here = np.flatnonzero(residues.linked)
    nucleic = residues.kind[here] == NUCLEIC
    ends = [table.find(here[~nucleic], ("C", "+N")), table.find(here[nucleic], ("O3'", "+P"))]
    both = np.concatenate(ends)
    return both[(both >= 0).all(axis=1)]
