"""Assign the element of every atom; no other module does.

In this order: the element column, if it holds an element plausible for the residue; the residue and atom names; for
unknown ligands, the column in which the atom name starts. Ambiguous cases are reported.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

import gemmi
import numpy as np

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, UnknownElementError
from cryotools.core.structures.chemistry.atomnames import (
    Fit,
    column_element,
    fit,
    is_dummy,
    named_element,
    repeats_name,
)
from cryotools.core.structures.chemistry.residueclass import NamedResidues, ResidueClass
from cryotools.core.structures.formats.pdbelements import Column

HEAVIEST = 98  # californium, the last element with tabulated electron scattering factors

# FlatStructure numbers elements as gemmi's enum does: atomic numbers up to 118, then deuterium
_NUMBERS = np.array([*range(119), 1] + [0] * 136, dtype=np.uint8)
_STANDARD = (ResidueClass.AMINO, ResidueClass.NUCLEOTIDE)
_LETTERS = {1: "HD0123456789", 6: "C", 7: "N", 8: "O", 15: "P", 16: "S"}  # first letters in standard residues


_LONE_PAIR = np.frombuffer(b"OM".ljust(8, b"\0"), np.uint64)[0]  # in CHARMM's four-site water


class ElementSource(Enum):
    """Source of an atom's element."""

    COLUMN = auto()
    ODD_COLUMN = auto()  # the column, though unusual for the residue
    OTHER_COLUMN = auto()  # the column, though it contradicts the name
    WRONG_COLUMN = auto()  # the names, because the column is implausible
    NO_COLUMN = auto()  # the names; there is no element column
    NAMES = auto()  # the names; the column does not hold an element
    LAST_RESORT = auto()
    DUMMY = auto()
    UNKNOWN = auto()


@dataclass
class _Tally:
    """Counts of the atoms assigned from one source, by element and by residue name, and the first atom as text."""

    first: str
    elements: Counter[str] = field(default_factory=Counter)
    residues: Counter[str] = field(default_factory=Counter)


def symbol(number: int) -> str:
    """Chemical symbol for an atomic number."""
    return gemmi.Element(int(number)).name


def decide_elements(
    given: np.ndarray, column: np.ndarray, residues: NamedResidues, name: str, skip_unknown: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers (n,), and a mask (n,) of the atoms to omit: dummy sites, and unknown elements if skipped.

    `given` (n,) holds the parser's elements, `column` (n,) the state of the file's element column (`Column`).

    Raises
    ------
    UnknownElementError
        The element of some atoms is unknown, and `skip_unknown` is false.
    """
    number = _NUMBERS[given]
    number[column != Column.FILLED] = 0  # the parser guessed
    at = np.flatnonzero(~_plain(number, residues))
    if not len(at):
        return number, np.zeros(len(number), dtype=bool)
    rows, count, which = _combinations(number[at], column[at], residues, at)
    copied = any(
        residues.classes[residue] in _STANDARD and was and repeats_name(atom, was) for residue, atom, was, _ in rows
    )
    decided = np.zeros(len(rows), dtype=np.uint8)
    left_out = np.zeros(len(rows), dtype=bool)
    tallies: dict[ElementSource, _Tally] = {}
    for i, (residue, atom, was, filled) in enumerate(rows):
        sort, residue_name = ResidueClass(residues.classes[residue]), residues.names[residue]
        decided[i], source = _decide(sort, residue_name, atom, (was, filled), copied)
        left_out[i] = source in (ElementSource.DUMMY, ElementSource.UNKNOWN)
        shown = f"{residue_name} {atom}" + (f" as {symbol(was)}" if was else "")
        tally = tallies.setdefault(source, _Tally(shown))
        tally.elements[symbol(decided[i])] += int(count[i])
        tally.residues[residue_name] += int(count[i])
    _tell(tallies, name, skip_unknown)
    number[at] = decided[which]
    mask = np.zeros(len(number), dtype=bool)
    mask[at] = left_out[which]
    return number, mask


def _plain(number: np.ndarray, residues: NamedResidues) -> np.ndarray:
    """True for atoms (n,) whose element needs no further checks."""
    allowed = np.zeros((len(ResidueClass), 256), dtype=bool)
    allowed[:, [1, 6, 7, 8, 15, 16]] = True
    allowed[ResidueClass.AMINO, 15] = False
    allowed[ResidueClass.WATER] = False
    allowed[[ResidueClass.ION, ResidueClass.DUMMY]] = False
    begins = np.zeros((256, 256), dtype=bool)  # by element and first letter of the name
    for element, letters in _LETTERS.items():
        begins[element, [ord(letter) for letter in letters]] = True
    sort = residues.atom_classes
    first = residues.atom.view(np.uint8).reshape(-1, 8)[:, 0]
    # in water, the atom name identifies a dummy site whatever the column says
    water = (sort == ResidueClass.WATER) & ((number == 1) | (number == 8)) & begins[number, first]
    water &= residues.atom != _LONE_PAIR
    return water | (allowed[sort, number] & (begins[number, first] | ~np.isin(sort, _STANDARD)))


def _combinations(
    number: np.ndarray, column: np.ndarray, residues: NamedResidues, at: np.ndarray
) -> tuple[list[tuple[int, str, int, Column]], np.ndarray, np.ndarray]:
    """Distinct combinations of residue, atom name, element and element column among the atoms `at` (k,), the count of
    each, and the combination of each atom (k,).
    """
    atoms, atom = np.unique(residues.atom[at], return_inverse=True)
    key = residues.of_atom[at].astype(np.int64) * len(atoms) + atom
    keys, which, count = np.unique((key * 256 + number) * len(Column) + column, return_inverse=True, return_counts=True)
    rows = []
    for value in keys.tolist():
        rest, kind = divmod(value, len(Column))
        rest, was = divmod(rest, 256)
        residue, name = divmod(rest, len(atoms))
        rows.append((residue, residues.name_of(atoms[name]), was, Column(kind)))
    return rows, count, which


def _decide(
    sort: ResidueClass, residue: str, atom: str, given: tuple[int, Column], copied: bool
) -> tuple[int, ElementSource]:
    """The atomic number of an atom and its source; `given` is the element in the column, or 0, and the state of the
    column.
    """
    was, column = given
    fits = fit(sort, residue, atom, was, copied) if was else Fit.WRONG
    if is_dummy(sort, atom, fits):
        return 0, ElementSource.DUMMY
    told = named_element(sort, residue, atom)
    if fits != Fit.WRONG:
        if (sort in _STANDARD and told not in (0, was)) or (sort == ResidueClass.WATER and fits == Fit.ODD):
            return was, ElementSource.OTHER_COLUMN
        return was, ElementSource.ODD_COLUMN if fits == Fit.ODD else ElementSource.COLUMN
    if sort == ResidueClass.LIGAND:
        told = (column_element(atom) if column == Column.ALIGNED else 0) or told
        return told, ElementSource.LAST_RESORT if told else ElementSource.UNKNOWN
    if not told:
        return 0, ElementSource.UNKNOWN
    if was:
        return told, ElementSource.WRONG_COLUMN
    return told, ElementSource.NAMES if column == Column.FILLED else ElementSource.NO_COLUMN


def _tell(tallies: dict[ElementSource, _Tally], name: str, skip_unknown: bool) -> None:
    """Report ambiguous elements: one warning per source."""
    for source, tally in tallies.items():
        text = _words(source, tally)
        if source == ElementSource.UNKNOWN and not skip_unknown:
            raise UnknownElementError(
                f"{name}: {text}; correct the element column, or leave them out with `skip_unknown=True`"
            )
        if text:
            kind = CryotoolsNote if source in (ElementSource.DUMMY, ElementSource.OTHER_COLUMN) else CryotoolsWarning
            warnings.warn(
                f"{name}: {text}{'; left out' if source == ElementSource.UNKNOWN else ''}", kind, stacklevel=5
            )


def _words(source: ElementSource, tally: _Tally) -> str:
    """The message for a source, '' for unambiguous ones."""
    total, first = sum(tally.elements.values()), f"(the first: {tally.first})"
    counts = ", ".join(f"{element} {count}" for element, count in sorted(tally.elements.items()))
    names = ", ".join(sorted(tally.residues)[:5]) + (", ..." if len(tally.residues) > 5 else "")
    return {
        ElementSource.ODD_COLUMN: f"{total} atoms have an element that is unusual for their residue {first}; "
        "taken from the element column",
        ElementSource.OTHER_COLUMN: f"{total} atoms have an element that contradicts their residue and name "
        f"{first}; taken from the element column",
        ElementSource.WRONG_COLUMN: f"the element column is wrong for {total} atoms {first}; "
        f"inferred from their residues and names: {counts}",
        ElementSource.NAMES: f"the element of {total} atoms was inferred from their names: {counts}",
        ElementSource.LAST_RESORT: f"the element of {total} atoms of {names} was guessed from their names: {counts}; "
        "fill in the element column to be sure",
        ElementSource.DUMMY: f"{total} massless sites are left out {first}",
        ElementSource.UNKNOWN: f"{total} atoms have an unknown element {first}",
    }.get(source, "")
