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


def find_clashes(structure: Structure, residues: Residues, table: AtomTable) -> Clashes:
    """Pairs of heavy atoms more than three bonds apart that overlap by 0.4 Å or more.

    Hydrogens and water are left out, of alternate locations all but the most occupied, and metal ions, which are bonded
    to what is near. N and O may form a hydrogen bond and clash only within 2.5 Å.
    """
    from scipy.spatial import cKDTree

    use = _compared(structure)
    xyz, element = structure.xyz[use], structure.element[use]
    pairs = cKDTree(xyz).query_pairs(_WIDEST, output_type="ndarray") if len(use) else np.zeros((0, 2), dtype=int)
    apart = np.linalg.norm(xyz[pairs[:, 0]] - xyz[pairs[:, 1]], axis=1)
    radius = np.array([_RADII.get(number, _RADII[6]) for number in range(256)])[element]
    overlap = radius[pairs].sum(axis=1) - apart
    polar = np.isin(element[pairs], _POLAR).all(axis=1)
    clash = np.flatnonzero((overlap >= OVERLAP) & (~polar | (apart < _HYDROGEN_BOND)))
    near = _near_along_bonds(structure, residues, table, use, pairs, apart)
    clash = clash[~near[clash]]
    order = np.argsort(-overlap[clash], kind="stable")
    return Clashes(use[pairs[clash[order]]], overlap[clash[order]], len(use))


def _compared(structure: Structure) -> np.ndarray:
    """The atoms that are looked at."""
    heavy = structure.most_occupied() & (structure.element > 1) & (structure.kind != WATER)
    return np.flatnonzero(heavy & ~((structure.kind == LIGAND) & ~np.isin(structure.element, list(_COVALENT))))


def _near_along_bonds(
    structure: Structure,
    residues: Residues,
    table: AtomTable,
    use: np.ndarray,
    pairs: np.ndarray,
    apart: np.ndarray,
) -> np.ndarray:
    """Which of the pairs (k, 2) among the atoms `use` (n,) are at most three bonds apart, bool (k,)."""
    from scipy.sparse import csr_array

    place = np.full(len(structure) + 1, -1)
    place[use] = np.arange(len(use))
    bonds = np.concatenate([pairs[_bonded(structure, use, pairs, apart)], place[_links(residues, table)]])
    bonds = bonds[(bonds >= 0).all(axis=1)]
    ends = np.concatenate([bonds, bonds[:, ::-1]])
    one = csr_array((np.ones(len(ends), dtype=np.int32), (ends[:, 0], ends[:, 1])), shape=(len(use), len(use)))
    reach, step = one, one
    for _ in range(APART - 1):
        step = step @ one
        reach = reach + step
    reach = reach.tocsr()
    reach.sort_indices()
    key = np.repeat(np.arange(len(use)), np.diff(reach.indptr)).astype(np.int64) * len(use) + reach.indices
    return np.isin(pairs[:, 0].astype(np.int64) * len(use) + pairs[:, 1], key)


def _bonded(structure: Structure, use: np.ndarray, pairs: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Which pairs are bonded by their distance: within a residue, to a ligand, and disulfides."""
    element, kind = structure.element[use][pairs], structure.kind[use][pairs]
    residue = structure.residue_index()[use][pairs]
    covalent = np.array([_COVALENT.get(number, _COVALENT[6]) for number in range(256)])
    close = apart < covalent[element].sum(axis=1) + _SLACK
    same = residue[:, 0] == residue[:, 1]
    ligand = (kind == LIGAND).any(axis=1)
    sulfur = (element == 16).all(axis=1) & (apart < _DISULFIDE)
    return (close & (same | ligand)) | sulfur


def _links(residues: Residues, table: AtomTable) -> np.ndarray:
    """Atoms (k, 2) of the bonds between residues of a chain."""
    here = np.flatnonzero(residues.linked)
    nucleic = residues.kind[here] == NUCLEIC
    ends = [table.find(here[~nucleic], ("C", "+N")), table.find(here[nucleic], ("O3'", "+P"))]
    both = np.concatenate(ends)
    return both[(both >= 0).all(axis=1)]
