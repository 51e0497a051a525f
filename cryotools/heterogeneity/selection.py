"""Which particles of a metadata file to keep, by number, by identifier or by the values of columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.errors import ArgumentError, DataError, UsageError
from cryotools.heterogeneity.metadata.cryosparc import cryosparc_rows
from cryotools.heterogeneity.metadata.pickles import read_index
from cryotools.heterogeneity.metadata.record import ParticleRows
from cryotools.heterogeneity.metadata.startables import star_rows
from cryotools.heterogeneity.rowtable import RowTable, read_row_tables

_FORM = (
    "give COLUMN=LOW:HIGH, where LOW or HIGH may be left out, COLUMN=VALUE, or several of these, separated by commas"
)


@dataclass(frozen=True)
class ColumnRange:
    """Particles whose value in `column` is in one of `ranges`, pairs of limits that are included."""

    column: str
    ranges: tuple[tuple[float, float], ...]

    @classmethod
    def parse(cls, text: str) -> ColumnRange:
        """What `COLUMN=LOW:HIGH`, `COLUMN=LOW:`, `COLUMN=:HIGH`, `COLUMN=VALUE` or `COLUMN=VALUE,LOW:HIGH` describes.

        Raises
        ------
        ArgumentError
            The text has another form, or a range is empty.
        """
        column, equals, bounds = text.rpartition("=")
        try:
            ranges = tuple(_limits(part) for part in bounds.split(","))
        except ValueError:
            raise ArgumentError("where", text, _FORM) from None
        if not (equals and column.strip() and all(low <= high for low, high in ranges)):
            raise ArgumentError("where", text, _FORM)
        return cls(column.strip(), ranges)

    def holds(self, values: np.ndarray) -> np.ndarray:
        """For each value (n,), whether it is in the ranges."""
        return np.any([(low <= values) & (values <= high) for low, high in self.ranges], axis=0)


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


def select_particles(
    rows: ParticleRows,
    *,
    index: str | os.PathLike[str] | None = None,
    tables: Sequence[str | os.PathLike[str]] = (),
    where: tuple[ColumnRange, ...] = (),
    exclude: bool = False,
) -> np.ndarray:
    """The rows (k,) that all criteria hold for, or with `exclude` all others, in the order of the file.

    Parameters
    ----------
    index : file of numbers from 0, see `read_index`
    tables : CSV tables or folders of runs; the particles in them, see `read_row_tables`
    where : ranges of columns, of the tables or of the file

    Raises
    ------
    DataError
        A criterion names particles or columns that are not there, or nothing is left.
    """
    kept = np.ones(len(rows), dtype=bool)
    if index is not None:
        kept &= _numbered(read_index(index), index, len(rows))
    listed = [table for path in tables for table in read_row_tables(path, rows)]
    for table in listed:
        kept[np.setdiff1d(np.arange(len(rows)), table.row)] = False
    for each in where:
        kept &= each.holds(_values(each.column, listed, rows))
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


def _values(column: str, tables: Sequence[RowTable], rows: ParticleRows) -> np.ndarray:
    """The values (n,) of a column of one of the tables, or else of the file."""
    having = [table for table in tables if column.lower() in table.columns]
    if len(having) > 1:
        raise DataError(f"column {column} is in {having[0].path} and in {having[1].path}; give one of them")
    return having[0].numbers(column, len(rows)) if having else rows.numbers(column)


def _limits(text: str) -> tuple[float, float]:
    first, colon, last = text.partition(":")
    low = float(first) if first.strip() or not colon else -np.inf
    high = (float(last) if last.strip() else np.inf) if colon else low
    return low, high
