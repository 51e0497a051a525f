"""Sequences from FASTA files."""

from __future__ import annotations

import os
from itertools import count

import gemmi

from cryotools.core.errors import DataError
from cryotools.core.files.bytestream import open_bytes
from cryotools.core.files.impostors import impostor

_NUCLEIC, _LEAST_NUCLEIC = frozenset("ACGTUN"), 12  # letters of RNA and DNA; a shorter protein may be spelled with them


def read_fasta(path: str | os.PathLike[str]) -> dict[str, str]:
    """The sequences of a FASTA or PIR file, plain or compressed, by the first word of their headers, in upper case.

    A name that recurs, as for copies of a chain, is followed by a number: A, A-2, A-3.

    Raises
    ------
    DataError
        The file is missing or damaged, is not FASTA, or a sequence is empty or contains other characters.
    """
    with open_bytes(path) as stream:
        content = stream.read()
    what = impostor(content[:200])
    if what:
        raise DataError(f"{path}: looks like {what}, not FASTA")
    text = content.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not text.startswith(">"):
        raise DataError(f"{path}: is not FASTA; each sequence begins with a line that starts with > and its name")
    try:
        found = gemmi.read_pir_or_fasta(text)
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as FASTA: {' '.join(str(error).split())}") from error
    sequences: dict[str, str] = {}
    for number, one in enumerate(found, 1):
        name = (one.header.split() or [str(number)])[0]
        letters = one.seq.upper().rstrip("*")
        if not letters:
            raise DataError(f"{path}: sequence {name} is empty")
        names = (name if copy == 1 else f"{name}-{copy}" for copy in count(1))
        sequences[next(free for free in names if free not in sequences)] = letters
    return sequences


def looks_nucleic(letters: str) -> bool:
    """Whether a sequence, in upper case, is more likely RNA or DNA than a protein: it has no other letters."""
    return len(letters) >= _LEAST_NUCLEIC and set(letters) <= _NUCLEIC
