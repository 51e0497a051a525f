"""Class of each atom's residue, inferred from the residue name or, if that is unknown, from its atoms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import IntEnum

import gemmi
import numpy as np

from cryotools.core.structures.chemistry.residuetables import (
    AMINO_ACIDS,
    COFACTORS,
    DUMMIES,
    IONS,
    LIPIDS,
    MIXED_IONS,
    NUCLEOTIDES,
    WATERS,
)

_SUGAR = frozenset({"C1'", "C3'", "C4'"})
_BACKBONE = frozenset({"N", "CA", "C"})
_TRACE = frozenset({"N", "CA", "C", "O", "CB"})
SYMBOLS = {gemmi.Element(number).name.upper(): number for number in range(1, 119)} | {"D": 1}


class ResidueClass(IntEnum):
    """Classes of residue, as needed to interpret atom names."""

    LIGAND = 0  # unknown
    AMINO = 1  # one of the twenty, under any of its names
    MODIFIED_AMINO = 2
    AMINO_LIKE = 3  # has an amino acid's backbone
    NUCLEOTIDE = 4
    MODIFIED_NUCLEOTIDE = 5
    NUCLEOTIDE_LIKE = 6  # has a nucleotide's sugar
    BOTH_LIKE = 7  # backbone and sugar: S-adenosylmethionine
    WATER = 8
    ION = 9
    COFACTOR = 10  # with tabulated metals
    ORGANIC = 11  # a lipid, a sugar, or a ligand in gemmi's table
    DUMMY = 12


@dataclass(frozen=True)
class NamedResidues:
    """Residue names of n atoms: the distinct `names` (m,), `classes` uint8 (m,) the `ResidueClass` of each, `of_atom`
    int (n,) index into `names`; `atom` uint64 (n,), the atom names as codes for `name_of`; `full`, the full name for
    each placeholder.
    """

    names: list[str]
    of_atom: np.ndarray
    classes: np.ndarray
    atom: np.ndarray
    full: Mapping[str, str]

    def name_of(self, code: np.uint64) -> str:
        """The atom name for a code in `atom`."""
        return _decoded(code, self.full)

    @property
    def atom_classes(self) -> np.ndarray:
        """The class (n,) of each atom's residue."""
        return self.classes[self.of_atom]


def sort_residues(
    residue_names: np.ndarray, atom_names: np.ndarray, hetero: np.ndarray, full: Mapping[str, str]
) -> NamedResidues:
    """Classify the residues of n atoms from names (n, 8), one byte per letter, and HETATM flags (n,); `full` maps
    placeholders to the full names.
    """
    # eight letters as one number compare faster than text
    code, atom = (np.ascontiguousarray(letters).view(np.uint64).ravel() for letters in (residue_names, atom_names))
    starts = np.flatnonzero(np.append(True, code[1:] != code[:-1]))
    unique, run = np.unique(code[starts], return_inverse=True)
    of_atom = np.repeat(run, np.diff(starts, append=len(code)))
    names = [_decoded(one, full) for one in unique]
    classes = np.array([_by_name(name) for name in names], dtype=np.int16)
    unsure = classes[of_atom] < 0
    if unsure.any():
        in_chain = np.zeros(len(names), dtype=bool)
        in_chain[of_atom[unsure & ~hetero]] = True
        for at, atoms in _pools(of_atom[unsure], atom[unsure], full).items():
            classes[at] = _by_atoms(names[at], atoms, bool(in_chain[at]))
    return NamedResidues(names, of_atom, classes.astype(np.uint8), atom, full)


def _decoded(code: np.uint64, full: Mapping[str, str]) -> str:
    name = code.tobytes().rstrip(b"\0").decode("utf-8", "replace")
    return full.get(name, name)


def ion_symbol(residue: str, atom: str) -> str:
    """The symbol, in capitals, of the ion with these names; '' if it is not an ion."""
    name, letters = residue.upper(), re.sub("[^A-Z]", "", atom.upper())
    if name in MIXED_IONS:
        symbol = IONS.get(letters, letters)
        return symbol if symbol in SYMBOLS else ""
    plain = re.sub("[^A-Z]", "", name)
    symbol = IONS.get(name, IONS.get(plain, plain))
    fits = symbol in SYMBOLS and symbol != "W" and letters in (symbol, plain)  # W is usually a water bead
    return symbol if fits else ""


def _by_name(name: str) -> int:
    """The class of a residue if its name alone determines it, otherwise -1."""
    known = gemmi.find_tabulated_residue(name)
    if known.is_water():
        return ResidueClass.WATER
    if known.is_amino_acid():
        return ResidueClass.AMINO if known.is_standard() else ResidueClass.MODIFIED_AMINO
    if known.is_nucleic_acid():
        return ResidueClass.NUCLEOTIDE if known.is_standard() else ResidueClass.MODIFIED_NUCLEOTIDE
    if name.upper() in DUMMIES:
        return ResidueClass.DUMMY
    return -1


def _by_atoms(name: str, atoms: Set[str], in_chain: bool) -> ResidueClass:
    """The class of a residue from its name and the names of its `atoms`; `in_chain`: it has ATOM records."""
    upper = name.upper()
    if upper in MIXED_IONS or (len(atoms) == 1 and ion_symbol(name, next(iter(atoms)))):
        return ResidueClass.ION
    if upper in WATERS and not any(atom.lstrip("0123456789")[:1] in "CNPS" for atom in atoms):
        return ResidueClass.WATER
    sugar = {atom.replace("*", "'") for atom in atoms} >= _SUGAR
    if (in_chain or (atoms >= _BACKBONE and not sugar)) and _is_amino(upper):
        return ResidueClass.AMINO
    if NUCLEOTIDES.fullmatch(upper) and (sugar or in_chain):
        return ResidueClass.NUCLEOTIDE
    if upper in COFACTORS:
        return ResidueClass.COFACTOR
    if LIPIDS.fullmatch(upper) or gemmi.find_tabulated_residue(name).found():
        return ResidueClass.ORGANIC
    amino = atoms >= _BACKBONE or (in_chain and "CA" in atoms and atoms <= _TRACE)
    if amino and sugar:
        return ResidueClass.BOTH_LIKE
    if amino:
        return ResidueClass.AMINO_LIKE
    return ResidueClass.NUCLEOTIDE_LIKE if sugar else ResidueClass.LIGAND


def _is_amino(name: str) -> bool:
    """True for force-field names of the twenty amino acids, including chain termini (NALA, CARG)."""
    known = {name, name[1:]} if len(name) == 4 and name[0] in "NC" else {name}
    return bool(known & AMINO_ACIDS) or any(gemmi.find_tabulated_residue(one).is_amino_acid() for one in known)


def _pools(residue: np.ndarray, atom: np.ndarray, full: Mapping[str, str]) -> dict[int, set[str]]:
    """The atom names that occur with each residue name."""
    unique, index = np.unique(atom, return_inverse=True)
    pairs = np.unique(residue.astype(np.int64) * len(unique) + index)
    names = [_decoded(code, full) for code in unique]
    pools: dict[int, set[str]] = {}
    for pair in pairs.tolist():
        pools.setdefault(pair // len(unique), set()).add(names[pair % len(unique)])
    return pools
