"""Checks of PDB text that must happen before parsing, because the parser turns such mistakes into zeros."""

from __future__ import annotations

import re
import warnings

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError

_COORDINATES = slice(30, 54)
_NUMBER = re.compile(rb"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
_ALLOWED = np.zeros(256, dtype=bool)
_ALLOWED[np.frombuffer(b"0123456789 .+-", np.uint8)] = True


def check_pdb_text(content: bytes, name: str) -> None:
    """Raise DataError, with the line's number, for atom records whose coordinates cannot be read.

    Looks at columns 31-54 of every ATOM and HETATM line at once; only lines that look odd are parsed one by one.
    """
    text = np.frombuffer(content, np.uint8)
    starts = np.concatenate([[0], np.flatnonzero(text == ord("\n")) + 1])
    starts = starts[starts + 6 <= len(text)]
    head = text[starts[:, None] + np.arange(4)] if len(starts) else np.zeros((0, 4), np.uint8)
    is_atom = np.all(head == np.frombuffer(b"ATOM", np.uint8), axis=1) | np.all(
        head == np.frombuffer(b"HETA", np.uint8), axis=1
    )
    if not is_atom.any():
        _explain_no_atoms(content, name)
    ends = np.append(starts[1:] - 1, len(text))
    lines = np.flatnonzero(is_atom)
    short = ends[lines] - starts[lines] < _COORDINATES.stop
    columns = text[np.minimum(starts[lines][:, None] + np.arange(30, 54), len(text) - 1)]
    odd = short | ~_ALLOWED[columns].all(axis=1)
    fields = (columns.reshape(-1, 3, 8) >= ord("0")).any(axis=2).all(axis=1)
    for line in lines[odd | ~fields]:
        _check_line(content[starts[line] : ends[line]], line + 1, name)


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


def _check_line(line: bytes, number: int, name: str) -> None:
    line = line.rstrip(b"\r\n")
    if b"\t" in line:
        raise DataError(f"{name}: line {number} holds tabs, PDB columns need spaces; convert the file")
    coordinates = line[_COORDINATES]
    parts = [coordinates[at : at + 8] for at in (0, 8, 16)]
    if len(line) < _COORDINATES.stop and not _NUMBER.fullmatch(parts[2]):
        raise DataError(f"{name}: line {number} ends before its coordinates do; copy the file again")
    for part in parts:
        if not _NUMBER.fullmatch(part):
            shown = part.decode("ascii", "replace")
            raise DataError(f"{name}: line {number}: the coordinate '{shown}' is not a number; mend or remove the atom")


def _explain_no_atoms(content: bytes, name: str) -> None:
    if re.search(rb"(?m)^(atom  |hetatm)", content):
        raise DataError(f"{name}: record names are in lower case; PDB needs ATOM and HETATM")
    raise DataError(f"{name}: has no atoms")
