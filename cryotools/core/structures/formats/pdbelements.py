"""Mark atoms of PDB text with a blank element column, so that gemmi's guesses can be recognised.

If columns 77-78 are blank, gemmi takes the element from the name starting in column 13, so that a leucine CD1 written
one column too far left becomes cadmium. Such atoms are marked here; `core.structures.chemistry.elements` assigns their
element.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from cryotools.core.structures.formats.pdblines import PdbLines


class Column(IntEnum):
    """State of the element column of an atom."""

    FILLED = 0  # not necessarily with an element
    BLANK = 1
    ALIGNED = 2  # blank, and the name starts where two-letter symbols do


_MARKS = {Column.BLANK: -8, Column.ALIGNED: -9}  # serial numbers: always present, not used, never negative
_SERIAL, _NAME, _RESIDUE, _ELEMENT = 6, 12, 17, 76  # columns, counted from 0
_ONE_LETTER = np.frombuffer(b"HCNOPSDBFIK", np.uint8)


def mark_blank_elements(lines: PdbLines, columns: np.ndarray) -> None:
    """Mark each atom whose element column is blank by overwriting its serial number.

    Parameters
    ----------
    columns : (n, WIDTH), of `lines.atoms`; element columns are read from `lines`, where they may have been corrected
    """
    atoms = lines.atoms
    start, length = lines.starts[atoms], lines.length(atoms)
    blank = np.ones(len(atoms), dtype=bool)
    for column in (_ELEMENT, _ELEMENT + 1):
        blank &= ~(_is_letter(lines.text[start + column]) & (length > column))
    negative = (columns[:, _SERIAL : _SERIAL + 5] == ord("-")).any(axis=1)
    lines.put(atoms[negative], _SERIAL, b"    0")
    if blank.any():
        aligned = _aligned(columns[blank, _NAME : _RESIDUE + 4])
        lines.put(atoms[blank], _SERIAL, b"%5d" % _MARKS[Column.BLANK])
        lines.put(atoms[blank][aligned], _SERIAL, b"%5d" % _MARKS[Column.ALIGNED])


def marked_columns(serial: np.ndarray) -> np.ndarray:
    """State of the element column, uint8 (n,) of `Column`, for atoms with these serial numbers."""
    columns = np.full(len(serial), Column.FILLED, dtype=np.uint8)
    for column, mark in _MARKS.items():
        columns[serial == mark] = column
    return columns


def _aligned(names: np.ndarray) -> np.ndarray:
    """True for each row of columns 13-21 (n, 9) whose name starts in column 13, where two-letter symbols start, in a
    residue with names of lighter elements in column 14. Four-letter names, which always start there, are excluded.
    """
    name = names[:, :4]
    letter = _is_letter(name)
    left = letter[:, 0] & (name[:, 3] == ord(" "))
    right = letter[:, 1] & (name[:, 0] == ord(" "))
    shifted = left & ~letter[:, 1] & np.isin(name[:, 0], _ONE_LETTER)  # N, C1 etc. in column 13
    if not (left & ~shifted).any():
        return np.zeros(len(names), dtype=bool)
    code = np.ascontiguousarray(names[:, _RESIDUE - _NAME :]).view(np.uint32).ravel()
    _, residue = np.unique(code, return_inverse=True)
    trusted = np.bincount(residue, right) > np.bincount(residue, shifted)
    return left & ~shifted & trusted[residue]


def _is_letter(codes: np.ndarray) -> np.ndarray:
    capital = codes & 0xDF
    return (capital >= ord("A")) & (capital <= ord("Z"))
