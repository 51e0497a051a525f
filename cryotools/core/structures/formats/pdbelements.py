"""Element columns of PDB text, put so that the parser's guess for what they do not say is known to be one.

Where columns 77-78 are blank gemmi takes the element that begins in column 13, so that CD1 of a leucine whose name is
written one column too far left becomes cadmium. Such atoms are marked here, and `core.structures.chemistry.elements`
decides.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from cryotools.core.structures.formats.pdblines import PdbLines


class Column(IntEnum):
    """What a file's element column is for an atom."""

    FILLED = 0  # though maybe not with an element
    BLANK = 1
    ALIGNED = 2  # blank, and the name begins where symbols of two letters do


_MARKS = {Column.BLANK: -8, Column.ALIGNED: -9}  # serial numbers: every atom has one, nobody needs it, none is negative
_SERIAL, _NAME, _RESIDUE, _ELEMENT = 6, 12, 17, 76  # columns, counted from 0
_ONE_LETTER = np.frombuffer(b"HCNOPSDBFIK", np.uint8)


def mark_blank_elements(lines: PdbLines, columns: np.ndarray) -> None:
    """Mark each atom whose element column is blank, in place of its serial number.

    Parameters
    ----------
    columns : (n, WIDTH), of `lines.atoms`; the element columns are looked at in `lines`, where they may be mended
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
    """What the element column was, uint8 (n,) of `Column`, of atoms with these serial numbers."""
    columns = np.full(len(serial), Column.FILLED, dtype=np.uint8)
    for column, mark in _MARKS.items():
        columns[serial == mark] = column
    return columns


def _aligned(names: np.ndarray) -> np.ndarray:
    """True for each row of columns 13-21 (n, 9) whose name begins in column 13, where symbols of two letters begin, in
    a residue that puts the names of lighter elements in column 14. Names of four letters begin there whatever they are.
    """
    name = names[:, :4]
    letter = _is_letter(name)
    left = letter[:, 0] & (name[:, 3] == ord(" "))
    right = letter[:, 1] & (name[:, 0] == ord(" "))
    shifted = left & ~letter[:, 1] & np.isin(name[:, 0], _ONE_LETTER)  # N, C1 and the like in column 13
    if not (left & ~shifted).any():
        return np.zeros(len(names), dtype=bool)
    code = np.ascontiguousarray(names[:, _RESIDUE - _NAME :]).view(np.uint32).ravel()
    _, residue = np.unique(code, return_inverse=True)
    trusted = np.bincount(residue, right) > np.bincount(residue, shifted)
    return left & ~shifted & trusted[residue]


def _is_letter(codes: np.ndarray) -> np.ndarray:
    capital = codes & 0xDF
    return (capital >= ord("A")) & (capital <= ord("Z"))
