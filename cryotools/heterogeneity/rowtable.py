"""Tables about particles that other commands and programs write, matched to the rows of a metadata file."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.files.table import Row, number, read_table
from cryotools.heterogeneity.ensemble import LATENT, PARTICLES
from cryotools.heterogeneity.metadata.record import ParticleRows


@dataclass(frozen=True, eq=False)
class RowTable:
    """k lines about particles; `row` (k,) is that of each in the metadata file, `columns` are lower-case names."""

    path: Path
    lines: list[Row]
    row: np.ndarray

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.lines[0].values) if self.lines else ()

    def numbers(self, column: str, count: int) -> np.ndarray:
        """The values of a column for `count` particles (n,); NaN for those that are not listed or have none.

        Raises
        ------
        DataError
            A value is not a number, or a particle is listed twice.
        """
        order = np.argsort(self.row, kind="stable")
        twice = np.flatnonzero(np.diff(self.row[order]) == 0)
        if len(twice):
            line = self.lines[order[twice[0] + 1]].line
            raise DataError(f"{self.path}: line {line}: lists a particle for the second time; keep one of its lines")
        found = np.full(count, np.nan)
        for row, line in zip(self.row, self.lines, strict=True):
            text = line.values[column.lower()]
            try:
                found[row] = number(text) if text else np.nan
            except ValueError as error:
                raise DataError(f"{self.path}: line {line.line}: {column}: {error}") from error
        return found


def read_row_tables(path: str | os.PathLike[str], rows: ParticleRows) -> list[RowTable]:
    """A CSV table that lists particles by their number from 0 (`index`) or cryoSPARC's `uid`; or those in the folder of
    a run, latent.csv and particles.csv.

    Raises
    ------
    DataError
        The table is missing or broken, a line names a particle that is not there, or the run is of other particles.
    """
    if not Path(path).is_dir():
        return [_read(Path(path), rows)]
    found = [Path(path) / name for name in (LATENT, PARTICLES) if (Path(path) / name).exists()]
    if not found:
        raise DataError(f"{path}: has no {LATENT} or {PARTICLES}; give the folder of a finished run, or a table")
    tables = [_read(each, rows) for each in found]
    other = next((table for table in tables if len(table.row) != len(rows)), None)
    if other is not None:
        raise DataError(
            f"{other.path}: has {len(other.row)} particles, not {len(rows)}; give the file that the run was trained on"
        )
    return tables


def _read(path: Path, rows: ParticleRows) -> RowTable:
    lines = read_table(path, ("index", "uid"), ("index|uid",))
    column = "index" if lines and "index" in lines[0].values else "uid"
    wanted = np.array([_whole(line, column, path) for line in lines], dtype=np.uint64)
    if column == "index":
        wrong = np.flatnonzero(wanted >= len(rows))
        if len(wrong):
            raise DataError(
                f"{path}: names particle {wanted[wrong[0]]}, but the {len(rows)} particles are numbered from 0 to "
                f"{len(rows) - 1}; is it a selection from this file?"
            )
        _warn_if_of_fewer(wanted, path, len(rows))
        return RowTable(path, lines, wanted.astype(np.int64))
    known = rows.identifiers()
    order = np.argsort(known, kind="stable")
    at = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
    absent = np.flatnonzero(known[at] != wanted)
    if len(absent):
        raise DataError(f"{path}: line {lines[absent[0]].line}: there is no particle with uid {wanted[absent[0]]}")
    return RowTable(path, lines, at)


def _warn_if_of_fewer(wanted: np.ndarray, path: Path, count: int) -> None:
    if 2 < len(wanted) < count and np.array_equal(np.sort(wanted), np.arange(len(wanted))):
        warnings.warn(
            f"{path}: lists the first {len(wanted)} of {count} particles and no other; is it a table of this file?",
            CryotoolsWarning,
            stacklevel=4,
        )


def _whole(line: Row, column: str, path: Path) -> int:
    text = line.values[column]
    if not text.isdecimal() or int(text) >= 2**64:
        raise DataError(f"{path}: line {line.line}: {column} is '{text}', not a whole number from 0 on")
    return int(text)
