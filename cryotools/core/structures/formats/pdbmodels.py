"""Assign the atoms of PDB text to models, wherever the END, MODEL and ENDMDL records are.

gemmi stops at END and rejects atoms between models and unterminated models. Here every run of atoms between such
records is a model, so that no atoms are lost, as in e2pdb2mrc.py.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cryotools.core.errors import CryotoolsWarning
from cryotools.core.structures.formats.pdblines import PdbLines, record_code

_MODEL, _ENDMDL = record_code("MODE"), record_code("ENDM")
_ANEW = (record_code("HEAD"), record_code("CRYS"))  # after atoms: start of another file or the next trajectory frame
_BEHIND = {_ENDMDL: "lie outside any MODEL", _ANEW[0]: "follow a second HEADER", _ANEW[1]: "follow a second CRYST1"}


@dataclass(frozen=True)
class _Stretch:
    """A run of atoms from one line to another, its MODEL record and number, and the records before and after it."""

    first: int
    last: int
    opened: bool
    number: int | None
    before: int
    after: int


def models_in_order(lines: PdbLines, name: str) -> bytes:
    """The text, rewritten if necessary as properly terminated models for gemmi."""
    ending = lines.record & 0xFFFFFF == record_code("END")
    bounding = ending | (lines.record == _MODEL)
    marks = np.flatnonzero(bounding | np.isin(lines.record, _ANEW))
    stretches = _stretches(lines, marks)
    numbers = [stretch.number for stretch in stretches]
    as_numbered = None not in numbers and len(set(numbers)) == len(numbers)
    closed = all(stretch.after == _ENDMDL for stretch in stretches[:-1])
    stops = np.flatnonzero(ending & (lines.record != _ENDMDL))
    if (len(stretches) == 1 or (as_numbered and closed)) and not (stops < lines.atoms[-1]).any():
        return lines.whole()
    if len(stretches) > 1:
        _explain(lines, stretches, as_numbered, name)
    parts = [lines.part(at, at + 1) for at in np.flatnonzero(~bounding[: stretches[0].first]).tolist()]
    for count, stretch in enumerate(stretches, 1):
        number = stretch.number if as_numbered and stretch.number is not None else count
        parts += [b"MODEL %8d\n" % number, lines.part(stretch.first, stretch.last + 1), b"ENDMDL\n"]
    return b"".join(parts)


def _stretches(lines: PdbLines, marks: np.ndarray) -> list[_Stretch]:
    """The runs of atoms between consecutive `marks` (line indices), if any."""
    bounds = [0, *np.searchsorted(lines.atoms, marks), len(lines.atoms)]
    found: list[_Stretch] = []
    since: list[int] = []  # marks since the previous run
    for at, (low, high) in enumerate(pairwise(bounds)):
        since += [int(marks[at - 1])] if at else []
        if low < high:
            models = [mark for mark in since if lines.record[mark] == _MODEL]
            number = _number(lines, models[-1]) if models else None
            before = int(lines.record[since[0]]) if since else 0
            after = int(lines.record[marks[at]]) if at < len(marks) else 0
            first, last = int(lines.atoms[low]), int(lines.atoms[high - 1])
            found.append(_Stretch(first, last, bool(models), number, before, after))
            since = []
    return found


def _number(lines: PdbLines, line: int) -> int | None:
    words = lines.words(line)
    return int(words[1]) if len(words) > 1 and words[1].isdecimal() and len(words[1]) < 9 else None


def _explain(lines: PdbLines, stretches: list[_Stretch], as_numbered: bool, name: str) -> None:
    """Warn why the text is split into several models that it does not declare, or declares wrongly."""
    numbers = [stretch.number for stretch in stretches]
    opened, closed = (int((lines.record == code).sum()) for code in (_MODEL, _ENDMDL))
    later = next((stretch for stretch in stretches[1:] if not stretch.opened), None)
    if later:
        why = f"line {later.first + 1}: atoms {_BEHIND.get(later.before, 'follow END')}"
    elif not stretches[0].opened:
        why = f"line {stretches[0].first + 1}: atoms precede the first MODEL"
    elif opened > closed:
        why = f"{opened} MODEL but {closed} ENDMDL records; each MODEL ends at the next"
    elif None in numbers:
        why = "a MODEL has no number"
    elif not as_numbered:
        why = f"more than one model is numbered {next(number for number in numbers if numbers.count(number) > 1)}"
    else:
        return  # only END records inside models
    counted = "" if as_numbered else f"; read as models 1 to {len(stretches)}"
    warnings.warn(f"{name}: {why}{counted}", CryotoolsWarning, stacklevel=5)
