"""The folder that a search leaves: a table, structures, alignments and the queries."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from cryotools.core.errors import DataError, UsageError
from cryotools.core.files.output import atomic_path, output_set, write_text
from cryotools.core.files.table import csv_text
from cryotools.core.structures.structurelist import stem
from cryotools.homologs.search.alignment import a3m_text
from cryotools.homologs.search.engines.interface import Match
from cryotools.homologs.search.hits import COLUMNS, QUERIES, TABLE, Homolog, file_stems


class HomologWriter:
    """Writes the results of a search, query by query."""

    def __init__(self, folder: Path, table: TextIO, queries: Mapping[str, str]) -> None:
        self.folder = folder
        self._table = table
        self._queries = queries
        self._stems = file_stems(queries)
        self._used: set[str] = set()

    def structure_file(self, query: str, source: Path, chain: str) -> Path:
        """Where the structure of a homolog goes."""
        about = re.sub(r"[^\w.+-]", "_", f"{stem(source)}_{chain}")[:60]
        name = f"{self._stems[query]}_{about}"
        while name.lower() in self._used:
            name += "-2"
        self._used.add(name.lower())
        return self.folder / f"{name}.cif"

    def add(self, homologs: Iterable[Homolog]) -> None:
        """Rows of the table; the file is empty for hits without a structure."""
        rows = [_row(one) for one in homologs]
        self._table.write(csv_text(COLUMNS, rows).split("\n", 1)[1])

    def write_alignment(self, query: str, hits: Iterable[Match], names: list[str]) -> None:
        """The alignment of all hits of a query; `names` are the database's."""
        letters = self._queries[query]
        rows = (
            (
                f"{names[one.target]} E={one.evalue:.2g} identity={one.identity:.3f}",
                one.query_start,
                one.query_aligned,
                one.target_aligned,
            )
            for one in hits
        )
        write_text(self.folder / f"{self._stems[query]}.a3m", a3m_text(query, letters, rows))


@contextmanager
def homolog_writer(folder: Path, queries: Mapping[str, str]) -> Iterator[HomologWriter]:
    """A writer into `folder`, where everything appears at the end, or nothing.

    Raises
    ------
    DataError
        The folder cannot be made or written to.
    UsageError
        `folder` is a file.
    """
    is_new = not folder.exists()
    if not is_new and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; give the name of a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be made: {error.strerror or error}") from error
    try:
        with output_set():
            write_text(folder / QUERIES, "".join(f">{name}\n{letters}\n" for name, letters in queries.items()))
            with (
                atomic_path(folder / TABLE) as temporary,
                temporary.open("w", encoding="utf-8", newline="\n") as table,
            ):
                table.write(csv_text(COLUMNS, []))
                yield HomologWriter(folder, table, queries)
    except BaseException:
        if is_new:
            with suppress(OSError):
                folder.rmdir()
        raise


def _row(one: Homolog) -> dict[str, object]:
    return {
        "query": one.query,
        "rank": one.rank,
        "file": one.path.name,
        "chain": one.chain,
        "identity": one.identity,
        "coverage": one.coverage,
        "evalue": "" if math.isnan(one.evalue) else f"{one.evalue:.3g}",
        "score": f"{one.score:.1f}",
        "query_from": one.query_from,
        "query_to": one.query_to,
        "target_from": one.target_from,
        "target_to": one.target_to,
        "query_aligned": one.query_aligned,
        "target_aligned": one.target_aligned,
        "source": str(one.source.resolve()) if one.source.name else "",
    }
