"""Lists of maps and models: the input of `curate` and `eval-sse`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.files.archive import emdb_id, pdb_id
from cryotools.core.files.table import number, read_table

_COLUMNS = ("id", "map", "model", "resolution", "family", "fold", "emdb", "pdb")
_REQUIRED = ("id", "map|emdb", "model|pdb", "resolution", "family")
_ARCHIVED = {"map": ("emdb", emdb_id, "EMD-3488"), "model": ("pdb", pdb_id, "5NI1")}


@dataclass(frozen=True)
class Entry:
    """A line of the list: paths of map and model, the reported resolution in Å, family and fold.

    A path may be empty if the archive id (EMD-3488, 5ni1) is given; if the resolution is NaN, the model's is used.
    """

    id: str
    map: str
    model: str
    resolution: float
    family: str
    fold: int
    emdb: str = ""
    pdb: str = ""


def read_list(path: str | os.PathLike[str]) -> list[Entry]:
    """Read a list of pairs: a table (`core.files.table.read_table`) with the columns id, map, model, resolution, family
    and optionally fold, emdb, pdb.

    Paths are relative to the list's folder. An id instead of a path is read as emdb or pdb; if these are given, map or
    model may be empty, and so may the resolution. Without a fold column, families are assigned to four folds in turn.

    Raises
    ------
    DataError
        A column is missing, a value is invalid, or ids repeat; the message names line and column.
    """
    path = Path(path)
    rows = read_table(path, _COLUMNS, _REQUIRED)
    if not rows:
        raise DataError(f"{path}: the list is empty")
    families = list(dict.fromkeys(row.values["family"] for row in rows))
    entries = []
    for row in rows:
        try:
            entries.append(_entry(row.values, path.parent, families.index(row.values["family"]) % 4))
        except ValueError as error:
            raise DataError(f"{path}: line {row.line}: {error}") from error
    if len({entry.id for entry in entries}) < len(entries):
        raise DataError(f"{path}: IDs repeat; give each pair its own")
    return entries


def _entry(values: Mapping[str, str], folder: Path, fold: int) -> Entry:
    """One line of the list, in fold `fold` if it gives none; raises ValueError if it is invalid."""
    if not values["id"] or Path(values["id"]).name != values["id"]:
        raise ValueError(f"id {values['id']!r} cannot be used as a file name; use letters, digits, - and _")
    found: dict[str, str] = {}
    for column, (stand_in, parse, example) in _ARCHIVED.items():
        file, accession = values.get(column, ""), values.get(stand_in, "")
        if parse(file) and not (folder / file).exists():
            file, accession = "", accession or file
        if accession and not parse(accession):
            raise ValueError(f"{stand_in} {accession} is not a valid ID; write it like {example}")
        if not (file or accession):
            raise ValueError(f"neither {column} nor {stand_in} is given")
        found |= {column: str(folder / file) if file else "", stand_in: parse(accession)}
    resolution = number(values["resolution"] or "nan")
    if values["resolution"] and not (np.isfinite(resolution) and resolution > 0):
        raise ValueError(f"resolution {resolution:g} is not positive")
    if values.get("fold") and not values["fold"].isdecimal():
        raise ValueError(f"fold {values['fold']} is not a whole number")
    fold = int(values["fold"]) if values.get("fold") else fold
    return Entry(values["id"], resolution=resolution, family=values["family"], fold=fold, **found)
