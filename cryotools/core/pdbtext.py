"""Checks of PDB text that must happen before parsing, because the parser turns such mistakes into zeros."""

from __future__ import annotations

import re
import warnings
from typing import NoReturn

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError

_COORDINATES, _OCCUPANCY, _B_FACTOR = slice(30, 54), slice(54, 60), slice(60, 66)
_AS_PRINTED = ((30, 4, 8), (38, 4, 8), (46, 4, 8), (54, 3, 6), (60, 3, 6))  # first column, place of the point, width
_CASE_BIT = 0xDF  # cleared in a letter it makes a capital; the parser compares record names so


def check_pdb_text(content: bytes, name: str) -> bytes:
    """The text with an occupancy of 1.00 where it is blank, which the parser would take for 0.

    Looks at columns 31-66 of all ATOM and HETATM lines at once.

    Raises
    ------
    DataError
        Coordinates or an occupancy are not plain numbers; the message gives the line.
    """
    text = np.frombuffer(content, np.uint8)
    starts = np.concatenate([[0], np.flatnonzero(text == ord("\n")) + 1])
    ends = np.append(starts[1:] - 1, len(text))
    whole = starts + 6 <= len(text)
    starts, ends = starts[whole], ends[whole]
    head = text[starts[:, None] + np.arange(4)] if len(starts) else np.zeros((0, 4), np.uint8)
    is_atom = np.all(head & _CASE_BIT == np.frombuffer(b"ATOM", np.uint8), axis=1)
    is_atom |= np.all(head & _CASE_BIT == np.frombuffer(b"HETA", np.uint8), axis=1)
    if not is_atom.any():
        raise DataError(f"{name}: has no atoms")
    lines = np.flatnonzero(is_atom)
    in_lower_case = (head[lines] >= ord("a")).any(axis=1)
    if in_lower_case.any():
        number = lines[in_lower_case][0] + 1
        raise DataError(f"{name}: line {number}: the record name is in lower case; PDB needs ATOM and HETATM")
    length = ends[lines] - starts[lines] - (text[ends[lines] - 1] == ord("\r"))
    columns = _columns(content, starts[lines], length)
    # nearly every line is as programs print it, which is quick to see; the others are looked at field by field
    odd = np.flatnonzero(~_as_printed(columns) | (length < _COORDINATES.stop))
    if not len(odd):
        return content
    lines, length, columns = lines[odd], length[odd], columns[odd]
    unreadable = length < _COORDINATES.stop
    unreadable |= ~_is_number(columns[:, _COORDINATES].reshape(-1, 3, 8)).all(axis=1)
    unreadable |= ~(_is_number(columns[:, _OCCUPANCY]) | _is_blank(columns[:, _OCCUPANCY]))
    if unreadable.any():
        line = lines[unreadable][0]
        _explain(content[starts[line] : ends[line]], line + 1, name)
    odd_b = int((~(_is_number(columns[:, _B_FACTOR]) | _is_blank(columns[:, _B_FACTOR]))).sum())
    if odd_b:
        warnings.warn(f"{name}: {odd_b} B factors are not numbers and count as 0", CryotoolsWarning, stacklevel=4)
    blank = _is_blank(columns[:, _OCCUPANCY]) & (length >= _OCCUPANCY.start + 4)
    if not blank.any():
        return content
    filled = text.copy()
    filled[starts[lines[blank]][:, None] + np.arange(55, 58)] = np.frombuffer(b"1.0", np.uint8)
    return filled.tobytes()


def close_models(content: bytes, name: str) -> bytes:
    """The text with ENDMDL added where a MODEL is not closed."""
    opened, closed = (len(re.findall(rb"(?m)^" + record, content)) for record in (b"MODEL ", b"ENDMDL"))
    if opened <= closed:
        return content
    warnings.warn(
        f"{name}: {opened} MODEL but {closed} ENDMDL records; each MODEL ends at the next",
        CryotoolsWarning,
        stacklevel=4,
    )
    without = re.sub(rb"(?m)^ENDMDL.*\n?", b"", content)
    without = re.sub(rb"(?m)^END\s*\n?", b"", without)
    first, *rest = re.split(rb"(?m)^(?=MODEL )", without)
    return first + b"".join(part.rstrip(b"\n") + b"\nENDMDL\n" for part in rest)


def _columns(content: bytes, starts: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The first 66 letters (n, 66) of the lines of `length` that begin at `starts`, with blanks beyond their ends."""
    text = np.frombuffer(content + b" " * _B_FACTOR.stop, np.uint8)
    columns = np.lib.stride_tricks.sliding_window_view(text, _B_FACTOR.stop)[starts]
    short = np.flatnonzero(length < _B_FACTOR.stop)
    columns[short] = np.where(np.arange(_B_FACTOR.stop) < length[short, None], columns[short], ord(" "))
    return columns


def _as_printed(columns: np.ndarray) -> np.ndarray:
    """True for rows (n, 66) whose coordinates are printed as %8.3f, occupancy and B as %6.2f."""
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
    """True for each field (..., width) that is one plain decimal number: the parser stops at anything else."""
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
    """Raise the DataError for a line whose coordinates or occupancy are not numbers."""
    line = line.rstrip(b"\r\n")
    if b"\t" in line:
        raise DataError(f"{name}: line {number} holds tabs, PDB columns need spaces; convert the file")
    if len(line) < _COORDINATES.stop:
        raise DataError(f"{name}: line {number} ends before its coordinates do; copy the file again")
    fields = [("coordinate", line[at : at + 8]) for at in (30, 38, 46)] + [("occupancy", line[_OCCUPANCY])]
    what, field = next((w, f) for w, f in fields if not _is_number(np.frombuffer(f.ljust(8), np.uint8)))
    shown = field.decode("ascii", "replace")
    raise DataError(f"{name}: line {number}: the {what} '{shown}' is not a number; mend or remove the atom")
