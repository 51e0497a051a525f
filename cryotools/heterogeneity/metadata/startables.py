"""The tables of a STAR file of particles: values are looked up among the particles first, then in the optics group."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cryotools.core.errors import DataError, listing
from cryotools.core.files.star import StarTable, read_star, star_version, write_star


@dataclass(frozen=True)
class StarRows:
    """All tables of a STAR file; those of `particles` can be selected."""

    tables: Mapping[str, StarTable]
    particles: str
    version: int | None = None
    suffix: ClassVar[str] = ".star"

    def __len__(self) -> int:
        return len(self.tables[self.particles])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, without the underscore."""
        return tuple(self.tables[self.particles].columns)

    def numbers(self, column: str) -> np.ndarray:
        """The values (n,) of a column of particles or of their optics groups, named with or without the underscore."""
        table, optics = self.tables[self.particles], self.tables.get("optics")
        return StarValues(table, optics, optics_groups(table, optics), table.name).numbers(column.removeprefix("_"))

    def identifiers(self) -> np.ndarray:
        """STAR files have none."""
        raise DataError(f"{self.tables[self.particles].name}: has no uid, as .cs files have; give numbers, `index`")

    def write(self, path: str | os.PathLike[str], which: np.ndarray) -> None:
        """Write the selected particles with all columns, and all other tables unchanged."""
        chosen = {name: table[which] if name == self.particles else table for name, table in self.tables.items()}
        write_star(path, chosen, self.version)


def star_rows(path: str | os.PathLike[str]) -> StarRows:
    """The tables of a STAR file of particles, not interpreted.

    Raises
    ------
    DataError
        No table has the column rlnImageName, or none has rows.
    """
    tables = read_star(path)
    with_images = [name for name, table in tables.items() if "rlnImageName" in table]
    if not with_images:
        raise DataError(f"{path}: no table has _rlnImageName ({listing(list(tables))}); give a STAR file of particles")
    name = "particles" if "particles" in with_images else with_images[0]
    if not len(tables[name]):
        raise DataError(f"{path}: contains no particles")
    return StarRows(tables, name, star_version(path))


@dataclass(frozen=True)
class StarValues:
    """Columns of particles, or where those lack them, of their optics groups."""

    particles: StarTable
    optics: StarTable | None
    group: np.ndarray
    path: str | os.PathLike[str]

    def __contains__(self, column: str) -> bool:
        return column in self.particles or (self.optics is not None and column in self.optics)

    def text(self, column: str) -> np.ndarray:
        """The different values of a column, as text."""
        table = self.particles if column in self.particles or self.optics is None else self.optics
        return np.unique(table.text(column))

    def numbers(self, column: str, default: float | None = None) -> np.ndarray:
        """The values (n,) of a column; without a default it must be there."""
        if column not in self.particles and self.optics is not None and column in self.optics:
            of_group = self.optics.numbers(column, default)
            return of_group[_positions(self.optics, self.group)]
        if column not in self and default is None and self.optics is None and "rlnOpticsGroup" in self.particles:
            raise DataError(
                f"{self.path}: _{column} is missing, and there is no data_optics to look it up for the optics groups; "
                "give the STAR file as RELION wrote it"
            )
        return self.particles.numbers(column, default)


def optics_groups(table: StarTable, optics: StarTable | None) -> np.ndarray:
    """The number (n,) of each particle's optics group; 1 if there are none."""
    if "rlnOpticsGroup" in table:
        group = table.numbers("rlnOpticsGroup").astype(np.int64)
    elif optics is not None and len(optics) > 1:
        raise DataError(f"{table.name}: column _rlnOpticsGroup is missing, but data_optics has {len(optics)} groups")
    else:
        group = np.ones(len(table), dtype=np.int64)
        if optics is not None and "rlnOpticsGroup" in optics:
            group[:] = int(optics.numbers("rlnOpticsGroup")[0])
    if optics is not None and "rlnOpticsGroup" in optics:
        absent = np.flatnonzero(~np.isin(group, optics.numbers("rlnOpticsGroup").astype(np.int64)))
        if len(absent):
            raise DataError(
                f"{table.name}: row {absent[0] + 1}: optics group {group[absent[0]]} is not in data_optics; "
                "add its line there"
            )
    return group


def _positions(optics: StarTable, group: np.ndarray) -> np.ndarray:
    """The row (n,) of each group in the table of optics."""
    if "rlnOpticsGroup" not in optics:
        return np.zeros(len(group), dtype=np.int64)
    numbers = optics.numbers("rlnOpticsGroup").astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    return order[np.searchsorted(numbers, group, sorter=order)]
