"""What the geometry of a structure's residues should be: atoms and ideal values of all bonds, angles, planes and
chiral centres, as arrays. Checks measure departures from them, refinement holds models to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.torsions import backbone_torsions
from cryotools.modelling.geometry.ideal import (
    ANY,
    CHIRAL,
    CIS_PROLINE,
    NEXT,
    PEPTIDE_PLANE,
    PLANE_SIGMA,
    PLANES,
    Ideal,
    ideal_values,
    peptide_ideals,
)

_CIS = 90.0  # degrees


@dataclass(frozen=True)
class Targets:
    """Ideal values of one kind: `atoms` int (k, n) of the structure, `value` and `sigma` (k,), `residue` int (k,).

    A peptide bond's belong to the residue before it.
    """

    atoms: np.ndarray
    value: np.ndarray
    sigma: np.ndarray
    residue: np.ndarray

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True)
class GeometryTargets:
    """All ideal values of a structure's amino acids: `bonds` of two atoms (Å), `angles` of three (degrees, at the
    second), `chiral` centres with three neighbours (Å³), and `planes` by their number of atoms (value 0 Å).
    """

    bonds: Targets
    angles: Targets
    chiral: Targets
    planes: tuple[Targets, ...]


class AtomTable:
    """Where the atoms of residues are: of alternate locations the one of the highest occupancy."""

    def __init__(self, structure: Structure, residues: Residues) -> None:
        self._names, which = np.unique(structure.atom_name, return_inverse=True)
        self._place = np.full((len(residues) + 1, len(self._names) + 1), -1)
        at = np.flatnonzero((residues.of_atom >= 0) & (structure.element > 1))[::-1]
        at = at[np.argsort(structure.occupancy[at], kind="stable")]  # the last one written wins
        self._place[residues.of_atom[at], which[at]] = at
        self._after = np.where(residues.linked, np.arange(len(residues)) + 1, -1)

    def find(self, residue: np.ndarray, names: Iterable[str]) -> np.ndarray:
        """The atoms called `names` of each of the residues (k,), int (k, n), -1 if missing; `+N` is in the next one."""
        columns = []
        for name in names:
            plain = name.removeprefix(NEXT)
            column = np.searchsorted(self._names, plain)
            known = column < len(self._names) and self._names[column] == plain
            owner = residue if plain == name else self._after[residue]
            columns.append(self._place[owner, column if known else -1])
        return np.stack(columns, axis=1)


def geometry_targets(structure: Structure, residues: Residues) -> GeometryTargets:
    """The ideal geometry of the standard amino acids of `structure`, as far as their atoms are there."""
    table, found = AtomTable(structure, residues), _Found()
    protein = residues.kind == PROTEIN
    for name, ideals in ideal_values().items():
        if name.startswith(NEXT):
            continue
        mine = np.flatnonzero(protein & (residues.residue_name == name))
        for ideal in ideals:
            found.add(table, mine, ideal)
        for ideal in CHIRAL.get(name, CHIRAL[ANY]):
            found.add(table, mine, ideal)
        if name in PLANES:
            found.add_plane(table, mine, PLANES[name])
    _add_peptides(residues, table, found)
    sizes = sorted({atoms.shape[1] for atoms, *_ in found.planes})
    return GeometryTargets(
        bonds=_joined(found.bonds, 2),
        angles=_joined(found.angles, 3),
        chiral=_joined(found.chiral, 4),
        planes=tuple(_joined([part for part in found.planes if part[0].shape[1] == size], size) for size in sizes),
    )


_Part = tuple[np.ndarray, float, float, np.ndarray]


class _Found:
    """Targets as they are found: atoms, value, sigma and residues of each ideal."""

    def __init__(self) -> None:
        self.bonds: list[_Part] = []
        self.angles: list[_Part] = []
        self.chiral: list[_Part] = []
        self.planes: list[_Part] = []

    def add(self, table: AtomTable, residue: np.ndarray, ideal: Ideal) -> None:
        atoms = table.find(residue, ideal.atoms)
        there = (atoms >= 0).all(axis=1)
        kind = (self.bonds, self.angles, self.chiral)[len(ideal.atoms) - 2]
        kind.append((atoms[there], ideal.value, ideal.sigma, residue[there]))

    def add_plane(self, table: AtomTable, residue: np.ndarray, names: tuple[str, ...]) -> None:
        atoms = table.find(residue, names)
        there = (atoms >= 0).all(axis=1)
        self.planes.append((atoms[there], 0.0, PLANE_SIGMA, residue[there]))


def _add_peptides(residues: Residues, table: AtomTable, found: _Found) -> None:
    """Add the targets of peptide bonds to what is `found`."""
    before = np.flatnonzero(residues.linked & (residues.kind == PROTEIN))
    following = residues.residue_name[before + 1].astype(object)
    cis = np.abs(backbone_torsions(residues).omega[before + 1]) < _CIS
    following[(following == "PRO") & cis] = CIS_PROLINE
    for name in np.unique(following.astype(str)):
        mine = before[following == name]
        for ideal in peptide_ideals(name):
            found.add(table, mine, ideal)
    found.add_plane(table, before, PEPTIDE_PLANE)


def _joined(parts: list[_Part], size: int) -> Targets:
    if not parts:
        return Targets(np.zeros((0, size), dtype=int), np.zeros(0), np.zeros(0), np.zeros(0, dtype=int))
    count = [len(atoms) for atoms, *_ in parts]
    value, sigma = (np.repeat([part[k] for part in parts], count).astype(np.float64) for k in (1, 2))
    return Targets(np.concatenate([p[0] for p in parts]), value, sigma, np.concatenate([p[3] for p in parts]))
