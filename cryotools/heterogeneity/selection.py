"""Which particles of a metadata file to keep, by number, by identifier or by the values of columns."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.errors import ArgumentError, DataError, UsageError
from cryotools.core.files.table import Row, read_table
from cryotools.heterogeneity.metadata.cryosparc import cryosparc_rows
from cryotools.heterogeneity.metadata.pickles import read_index
from cryotools.heterogeneity.metadata.record import ParticleRows
from cryotools.heterogeneity.metadata.star import star_rows

_FORM = "give COLUMN=LOW:HIGH, where LOW or HIGH may be left out, or COLUMN=VALUE"


@dataclass(frozen=True)
class ColumnRange:
    """Particles whose value in `column` is between `low` and `high`, both included."""

    column: str
    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> ColumnRange:
        """The range that `COLUMN=LOW:HIGH`, `COLUMN=LOW:`, `COLUMN=:HIGH` or `COLUMN=VALUE` describes.

        Raises
        ------
        ArgumentError
            The text has another form, or the range is empty.
        """
        column, equals, bounds = text.rpartition("=")
        first, colon, last = bounds.partition(":")
        try:
            low = float(first) if first.strip() or not colon else -np.inf
            high = (float(last) if last.strip() else np.inf) if colon else low
        except ValueError:
            raise ArgumentError("where", text, _FORM) from None
        if not (equals and column.strip() and low <= high):
            raise ArgumentError("where", text, _FORM)
        return cls(column.strip(), low, high)

    def holds(self, rows: ParticleRows) -> np.ndarray:
        """For each particle (n,), whether its value is in the range."""
        values = rows.numbers(self.column)
        return (self.low <= values) & (values <= self.high)


def read_rows(path: str | os.PathLike[str], passthrough: str | os.PathLike[str] | None = None) -> ParticleRows:
    """The rows of a .star or .cs file, without looking for its images.

    Raises
    ------
    UsageError
        The file is neither.
    DataError
        It is missing or broken.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".cs":
        return cryosparc_rows(path, passthrough)
    if suffix != ".star":
        raise UsageError(f"{path}: has no metadata to select from; give a .star or .cs file")
    if passthrough is not None:
        raise ArgumentError("passthrough", passthrough, f"belongs to a .cs file, not to {path}")
    return star_rows(path)


def particles_in_table(path: str | os.PathLike[str], rows: ParticleRows) -> np.ndarray:
    """Whether each particle (n,) is listed in a CSV table: by its number from 0 (`index`), or cryoSPARC's `uid`.

    Raises
    ------
    DataError
        A line has no such value, or names a particle that is not there.
    """
    lines = read_table(path, ("index", "uid"), ("index|uid",))
    column = "index" if lines and "index" in lines[0].values else "uid"
    wanted = np.array([_whole(line, column, path) for line in lines], dtype=np.uint64)
    if column == "index":
        return _numbered(wanted.astype(np.int64), path, len(rows))
    known = rows.identifiers()
    absent = np.flatnonzero(~np.isin(wanted, known))
    if len(absent):
        raise DataError(f"{path}: line {lines[absent[0]].line}: there is no particle with uid {wanted[absent[0]]}")
    return np.isin(known, wanted)


def select_particles(
    rows: ParticleRows,
    *,
    index: str | os.PathLike[str] | None = None,
    table: str | os.PathLike[str] | None = None,
    where: tuple[ColumnRange, ...] = (),
    exclude: bool = False,
) -> np.ndarray:
    """The rows (k,) that all criteria hold for, or with `exclude` all others, in the order of the file.

    Parameters
    ----------
    index : file of numbers from 0, see `read_index`
    table : CSV table, see `particles_in_table`
    where : ranges of columns

    Raises
    ------
    DataError
        A criterion names particles or columns that are not there, or nothing is left.
    """
    kept = np.ones(len(rows), dtype=bool)
    if index is not None:
        kept &= _numbered(read_index(index), index, len(rows))
    if table is not None:
        kept &= particles_in_table(table, rows)
    for each in where:
        kept &= each.holds(rows)
    found = np.flatnonzero(~kept if exclude else kept)
    if not len(found):
        raise DataError(f"none of the {len(rows)} particles is left; choose otherwise")
    return found


def _numbered(index: np.ndarray, path: str | os.PathLike[str], count: int) -> np.ndarray:
    wrong = index[(index < 0) | (index >= count)]
    if len(wrong):
        raise DataError(
            f"{path}: names particle {wrong[0]}, but the {count} particles are numbered from 0 to {count - 1}; "
            "is it a selection from this file?"
        )
    kept = np.zeros(count, dtype=bool)
    kept[index] = True
    return kept


def _whole(line: Row, column: str, path: str | os.PathLike[str]) -> int:
    text = line.values[column]
    if not text.isdecimal() or int(text) >= 2**64:
        raise DataError(f"{path}: line {line.line}: {column} is '{text}', not a whole number from 0 on")
    return int(text)
