"""Element columns of PDB text, put so that the parser does not guess what they do not say.

Where columns 77-78 are blank gemmi takes the element that begins in column 13, so that CD1 of a leucine whose name is
written one column too far left becomes cadmium. Such atoms get no element here; `core.elements` decides.
"""

from __future__ import annotations

import numpy as np

from cryotools.core.elements import BLANK_COLUMN
from cryotools.core.pdbtext import AtomLines

_NAME, _RESIDUE, _OCCUPANCY, _ELEMENT, _END = 12, 17, 54, 76, 80  # columns, counted from 0
_MARKS = {two: f" X{-charge}-".encode() for charge, two in BLANK_COLUMN.items()}
_ONE_LETTER = np.frombuffer(b"HCNOPSDBFIK", np.uint8)


def mark_blank_elements(content: bytes, atoms: AtomLines) -> bytes:
    """The text with no element, and a mark in place of a charge, in all atom lines whose element column is blank; they
    become longer where they have to.
    """
    text = np.frombuffer(content, np.uint8)
    starts, length = atoms.start, atoms.length
    blank = np.ones(len(starts), dtype=bool)
    reaching = np.flatnonzero(length > _ELEMENT)
    for column in (_ELEMENT, _ELEMENT + 1):
        here = reaching[length[reaching] > column]
        blank[here[_is_letter(text[starts[here] + column])]] = False
    if not blank.any():
        return content
    starts, length = starts[blank], length[blank]
    marks = np.array([np.frombuffer(_MARKS[two], np.uint8) for two in (False, True)])
    missing = np.maximum(_END - length, 0)
    longer = _with_blanks(text, np.repeat(starts + length, missing))
    at = starts + np.cumsum(missing) - missing + _ELEMENT
    longer[at[:, None] + np.arange(_END - _ELEMENT)] = marks[_two_letters(text, starts).astype(np.int64)]
    ended = at[length < _OCCUPANCY + 4] - _ELEMENT + _OCCUPANCY  # to the parser a blank is 0, a line's end is 1
    longer[ended[:, None] + np.arange(6)] = np.frombuffer(b"  1.00", np.uint8)
    return longer.tobytes()


def _with_blanks(text: np.ndarray, before: np.ndarray) -> np.ndarray:
    """A copy of `text` with a blank put before each of these places, in ascending order (np.insert would sort them)."""
    longer = np.full(len(text) + len(before), ord(" "), dtype=np.uint8)
    old = np.ones(len(longer), dtype=bool)
    old[before + np.arange(len(before))] = False
    longer[old] = text
    return longer


def _two_letters(text: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """True for each line (n,) whose name begins in column 13, where a symbol of two letters begins, in a residue that
    puts the names of lighter elements in column 14. Names of four letters begin in column 13 whatever they are.
    """
    name = text[starts[:, None] + np.arange(_NAME, _NAME + 4)]
    letter = _is_letter(name)
    left = letter[:, 0] & (name[:, 3] == ord(" "))
    right = letter[:, 1] & (name[:, 0] == ord(" "))
    shifted = left & ~letter[:, 1] & np.isin(name[:, 0], _ONE_LETTER)  # N, C1 and the like in column 13
    if not (left & ~shifted).any():
        return np.zeros(len(starts), dtype=bool)
    residue = text[starts[:, None] + np.arange(_RESIDUE, _RESIDUE + 4)].view(np.uint32).ravel()
    _, residue = np.unique(residue, return_inverse=True)
    aligned = np.bincount(residue, right) > np.bincount(residue, shifted)
    return left & ~shifted & aligned[residue]


def _is_letter(codes: np.ndarray) -> np.ndarray:
    capital = codes & 0xDF
    return (capital >= ord("A")) & (capital <= ord("Z"))
