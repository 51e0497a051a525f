"""Multiple alignments of a query and what a search has found, as A3M."""

from __future__ import annotations

import os
from collections.abc import Iterable

from cryotools.core.errors import DataError
from cryotools.core.files.bytestream import open_bytes
from cryotools.core.files.impostors import impostor


def a3m_text(name: str, query: str, hits: Iterable[tuple[str, int, str, str]]) -> str:
    """The alignment of `hits` to `query` as A3M: capitals and - are columns of the query, small letters insertions.

    Each hit has a title, the position in the query where it begins, from 0, and the aligned letters of both.
    """
    lines = [f">{name}", query]
    for title, start, query_aligned, target_aligned in hits:
        columns = ["-" * start]
        for above, below in zip(query_aligned, target_aligned, strict=True):
            columns.append(below.lower() if above == "-" else below)
        row = "".join(columns)
        lines += [f">{title}", row + "-" * (len(query) - sum(not letter.islower() for letter in row))]
    return "\n".join(lines) + "\n"


def read_alignment(path: str | os.PathLike[str]) -> list[str]:
    """The rows of an alignment in A3M or aligned FASTA, the query first, all with one letter or - per residue of it.

    Insertions are left out: small letters, and columns in which the query has a gap.

    Raises
    ------
    DataError
        The file is missing, not such an alignment, or its rows differ in length.
    """
    with open_bytes(path) as stream:
        content = stream.read()
    what = impostor(content[:200])
    text = content.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if what or not text.startswith(">"):
        raise DataError(f"{path}: {f'looks like {what}' if what else 'is no alignment in A3M or FASTA'}")
    names: list[str] = []
    rows: list[str] = []
    for part in text[1:].split("\n>"):
        title, *lines = part.splitlines() or [""]
        names.append(title.split()[0] if title.split() else str(len(names) + 1))
        letters = "".join("".join(lines).split()).replace(".", "-")
        rows.append("".join(letter for letter in letters if not letter.islower()))
    uneven = [name for name, row in zip(names, rows, strict=True) if len(row) != len(rows[0])]
    if uneven or not rows[0].strip("-"):
        told = f"{uneven[0]} has another number of columns than the query" if uneven else "the query is empty"
        raise DataError(f"{path}: {told}; give an alignment in A3M or aligned FASTA, the query first")
    kept = [at for at, letter in enumerate(rows[0]) if letter != "-"]
    return ["".join(row[at] for at in kept) for row in rows]
