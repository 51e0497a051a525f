"""Prepare PDB text for gemmi: check errors that it would read as zeros, correct those that it need not stop at.

Numbers are checked here; `pdbnames` handles four-letter residue names, `pdbmodels` END and MODEL, `pdbelements` and
`pdbqt` elements.
"""

from __future__ import annotations

import warnings
from typing import NoReturn

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.structures.formats.pdbelements import mark_blank_elements
from cryotools.core.structures.formats.pdblines import PdbLines, record_code
from cryotools.core.structures.formats.pdbmodels import models_in_order
from cryotools.core.structures.formats.pdbnames import stand_in_for_long_names
from cryotools.core.structures.formats.pdbqt import elements_for_types

_COORDINATES, _OCCUPANCY, _B_FACTOR = slice(30, 54), slice(54, 60), slice(60, 66)
_AS_PRINTED = ((30, 4, 8), (38, 4, 8), (46, 4, 8), (54, 3, 6), (60, 3, 6))  # first column, offset of the point, width
_SEEN_OCCUPANCY = 58  # length of the shortest line from which gemmi reads an occupancy
_ELEMENT, _CHARGE, _END = 76, 78, 80
_BLANK = ord(" ")


def normal_pdb(content: bytes, name: str) -> bytes:
    """The text in unambiguous form for gemmi: every atom in a terminated model, and no field that gemmi rejects.

    Raises
    ------
    DataError
        There are no atoms, or coordinates are not plain numbers; the message gives the line.
    """
    lines = PdbLines(content)
    if not len(lines.atoms):
        raise DataError(f"{name}: has no atoms")
    elements_for_types(lines)
    columns = lines.columns(lines.atoms)
    in_lower_case = (columns[:, :4] >= ord("a")).any(axis=1)
    if in_lower_case.any():
        number = lines.atoms[in_lower_case][0] + 1
        raise DataError(f"{name}: line {number}: the record name is in lower case; PDB needs ATOM and HETATM")
    _check_numbers(lines, columns, name)
    _blank_what_is_no_element(lines, columns)
    mark_blank_elements(lines, columns)
    lines.put(np.flatnonzero(lines.record == record_code("ANIS")), 0, b"    ")  # not used, but gemmi would check it
    explained = stand_in_for_long_names(lines, columns)
    return explained + models_in_order(lines, name)


def _check_numbers(lines: PdbLines, columns: np.ndarray, name: str) -> None:
    """Reject non-numeric coordinates in `columns` (n, WIDTH); set blank occupancies to 1, non-numeric ones to NaN."""
    length = lines.length(lines.atoms)
    # nearly all lines have the standard format, which is quick to check; the others are checked field by field
    odd = np.flatnonzero((length < _B_FACTOR.stop) | ~_as_printed(columns))
    if not len(odd):
        return
    atoms, length, columns = lines.atoms[odd], length[odd], columns[odd]
    columns[np.arange(columns.shape[1]) >= length[:, None]] = _BLANK
    unreadable = length < _COORDINATES.stop
    unreadable |= ~_is_number(columns[:, _COORDINATES].reshape(-1, 3, 8)).all(axis=1)
    if unreadable.any():
        line = atoms[unreadable][0]
        _explain(lines.part(line, line + 1), line + 1, name)
    bad = ~(_is_number(columns[:, _OCCUPANCY]) | _is_blank(columns[:, _OCCUPANCY]))
    bad_b = ~(_is_number(columns[:, _B_FACTOR]) | _is_blank(columns[:, _B_FACTOR]))
    for count, words in (
        (bad.sum(), "occupancies are not numbers"),
        (bad_b.sum(), "B factors are not numbers; 0 is used instead"),
    ):
        if count:
            warnings.warn(f"{name}: {count} {words}", CryotoolsWarning, stacklevel=5)
    reaching = length >= _SEEN_OCCUPANCY
    blank = _is_blank(columns[:, _OCCUPANCY])
    lines.put(atoms[blank & reaching], _OCCUPANCY.start, b" 1.0")
    lines.put(atoms[bad & reaching], _OCCUPANCY.start, b" nan")
    for column in (_SEEN_OCCUPANCY, _SEEN_OCCUPANCY + 1):  # the rest of a word
        lines.put(atoms[bad & (length > column)], column, b" ")


def _blank_what_is_no_element(lines: PdbLines, columns: np.ndarray) -> None:
    """Blank the charge, which gemmi checks but is not used, and also the element if the columns hold other data.

    Lines of files from before 1996 end in the entry id and line number, others in a long segment name.
    """
    long = np.flatnonzero(lines.length(lines.atoms) > _CHARGE)
    tail = columns[long, _ELEMENT:_END]
    tail[lines.length(lines.atoms[long]) < _END, -1] = _BLANK
    digit = (tail >= ord("0")) & (tail <= ord("9"))
    letter = ((tail | 0x20) >= ord("a")) & ((tail | 0x20) <= ord("z"))
    charged = (tail[:, 2:] != _BLANK).any(axis=1)
    if not charged.any():
        return
    foreign = letter[:, 2:].any(axis=1) | (charged & digit[:, :2].any(axis=1))
    lines.put(lines.atoms[long[charged & ~foreign & (tail[:, 3] != _BLANK)]], _CHARGE, b"  ")
    lines.put(lines.atoms[long[charged & ~foreign & (tail[:, 3] == _BLANK)]], _CHARGE, b" ")
    lines.put(lines.atoms[long[foreign & (tail[:, 3] != _BLANK)]], _ELEMENT, b"    ")
    lines.put(lines.atoms[long[foreign & (tail[:, 3] == _BLANK)]], _ELEMENT, b"   ")


def _as_printed(columns: np.ndarray) -> np.ndarray:
    """True for rows (n, 66 or more) with coordinates formatted as %8.3f, occupancy and B factor as %6.2f."""
    digit = (columns >= ord("0")) & (columns <= ord("9"))
    good = np.ones(len(columns), dtype=bool)
    for start, point, width in _AS_PRINTED:
        for at in range(point - 1, width):
            good &= columns[:, start + at] == ord(".") if at == point else digit[:, start + at]
        begun = np.zeros(len(columns), dtype=bool)
        for at in range(start, start + point - 1):
            minus, blank = columns[:, at] == ord("-"), columns[:, at] == ord(" ")
            good &= digit[:, at] | ((minus | blank) & ~begun)
            begun |= ~blank
    return good


def _is_number(columns: np.ndarray) -> np.ndarray:
    """True for each field (..., width) that is a single plain decimal number; the parser stops at anything else."""
    digit = (columns >= ord("0")) & (columns <= ord("9"))
    sign = (columns == ord("+")) | (columns == ord("-"))
    dot = columns == ord(".")
    inside = columns != ord(" ")
    begins = inside.copy()
    begins[..., 1:] &= ~inside[..., :-1]
    known = (digit | sign | dot | ~inside).all(axis=-1)
    return (
        known
        & digit.any(axis=-1)
        & (begins.sum(axis=-1) == 1)
        & (dot.sum(axis=-1) <= 1)
        & ~(sign & ~begins).any(axis=-1)
    )


def _is_blank(columns: np.ndarray) -> np.ndarray:
    return (columns == ord(" ")).all(axis=-1)


def _explain(line: bytes, number: int, name: str) -> NoReturn:
    """Raise DataError for a line whose coordinates are not numbers."""
    line = line.rstrip(b"\r\n")
    if b"\t" in line:
        raise DataError(f"{name}: line {number} contains tabs; PDB columns need spaces")
    if len(line) < _COORDINATES.stop:
        raise DataError(f"{name}: line {number} ends before its coordinates; copy the file again")
    field = next(f for f in (line[at : at + 8] for at in (30, 38, 46)) if not _is_number(np.frombuffer(f, np.uint8)))
    shown = field.decode("ascii", "replace")
    raise DataError(f"{name}: line {number}: the coordinate '{shown}' is not a number; correct or remove the atom")
