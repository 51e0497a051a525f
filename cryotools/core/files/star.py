"""STAR tables as in RELION: read with gemmi's CIF parser, written as plain loops.

A file contains named tables (`optics`, `particles`); RELION 3.0 writes an unnamed one, whose name is ''. Values stay
text until numbers are requested, so that columns that are not interpreted are written back unchanged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import gemmi
import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.files.bytestream import open_bytes
from cryotools.core.files.impostors import impostor
from cryotools.core.files.output import write_text

_UNNAMED = "unnamed-table"  # gemmi needs a name after data_
_NO_VALUE = ("", ".", "?", "<NA>", "None")


@dataclass(frozen=True)
class StarTable:
    """Columns of equal length, by name without the underscore (rlnImageName); all values are text.

    `name` says where the table came from, for messages.
    """

    columns: Mapping[str, np.ndarray]
    name: str = ""

    def __post_init__(self) -> None:
        columns = {key: np.asarray(values, dtype=np.str_) for key, values in self.columns.items()}
        if len({len(values) for values in columns.values()}) > 1:
            raise ValueError("the columns of a table have one length")
        object.__setattr__(self, "columns", columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def __getitem__(self, which: np.ndarray | slice) -> StarTable:
        """The rows selected by a mask, an index array or a slice, in that order."""
        return StarTable({key: values[which] for key, values in self.columns.items()}, self.name)

    def text(self, column: str) -> np.ndarray:
        """The values (n,) of a column.

        Raises
        ------
        DataError
            There is no such column.
        """
        if column not in self.columns:
            raise DataError(f"{self.name}: column _{column} is missing; it has {', '.join(self.columns)}")
        return self.columns[column]

    def numbers(self, column: str, default: float | None = None) -> np.ndarray:
        """The values of a column as float64 (n,); `default` if the column is missing, and for blank values.

        Raises
        ------
        DataError
            The column or a value is missing and there is no default, or a value is not a number.
        """
        if column not in self.columns and default is not None:
            return np.full(len(self), default)
        values = self.text(column)
        if default is not None:
            values = np.where(np.isin(values, _NO_VALUE), str(default), values)
        try:
            found = values.astype(np.float64)
        except ValueError:
            found = np.array([_number(value) for value in values])
        bad = np.flatnonzero(~np.isfinite(found))
        if len(bad):
            raise DataError(f"{self.name}: row {bad[0] + 1}: _{column} is '{values[bad[0]]}', not a number")
        return found

    def with_columns(self, columns: Mapping[str, np.ndarray]) -> StarTable:
        """The table with columns added or replaced; numbers are written with up to nine significant digits."""
        new = {
            key: values if np.asarray(values).dtype.kind == "U" else np.array([f"{v:.9g}" for v in values], np.str_)
            for key, values in columns.items()
        }
        return StarTable({**self.columns, **new}, self.name)


def read_star(path: str | os.PathLike[str]) -> dict[str, StarTable]:
    """The tables of a plain or compressed STAR file by name; a table of single values has one row.

    Raises
    ------
    DataError
        The file is missing, is not a STAR file, or contains no table.
    """
    with open_bytes(path) as stream:
        content = stream.read()
    what = impostor(content[:300])
    if what:
        raise DataError(f"{path}: looks like {what}")
    try:
        document = gemmi.cif.read_string(_with_names(content))
    except (RuntimeError, ValueError, UnicodeDecodeError) as error:
        said = re.sub(r"^[^:]*:(\d+):\d+\(\d+\): ", r"line \1: ", " ".join(str(error).split()))
        raise DataError(f"{path}: cannot be read as a STAR file: {said}") from error
    tables = {}
    for block in document:
        columns = _columns(block)
        if columns:
            name = "" if block.name == _UNNAMED else block.name
            tables[name] = StarTable(columns, f"{path} (data_{name})")
    if not tables:
        raise DataError(f"{path}: contains no table (data_ with loop_); is it a STAR file?")
    return tables


def star_version(path: str | os.PathLike[str]) -> int | None:
    """The version of RELION's format that a comment of the file gives (`# version 30001`), or None.

    Raises
    ------
    DataError
        The file is missing or cannot be read.
    """
    with open_bytes(path) as stream:
        found = re.search(rb"(?m)^# version (\d+)", stream.read(4096))
    return int(found[1]) if found else None


def write_star(path: str | os.PathLike[str], tables: Mapping[str, StarTable], version: int | None = None) -> None:
    """Write tables as loops, atomically, each after a comment that gives the `version` of RELION's format, if any."""
    comment = "" if version is None else f"# version {version}\n\n"
    write_text(path, "\n".join(comment + _text(name, table) for name, table in tables.items()))


def _with_names(content: bytes) -> bytes:
    """The text with a name given to each unnamed block."""
    return re.sub(rb"(?m)^(data_)[ \t]*(?=\r?$)", rb"\1" + _UNNAMED.encode(), content)


def _columns(block: gemmi.cif.Block) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for item in block:
        if item.loop is not None:
            values = np.array([_plain(value) for value in item.loop.values], dtype=np.str_)
            width = item.loop.width()
            found |= {tag.removeprefix("_"): values[at::width] for at, tag in enumerate(item.loop.tags)}
            break  # a RELION table is one loop
        if item.pair is not None:
            tag, value = item.pair
            found[tag.removeprefix("_")] = np.array([_plain(value)], dtype=np.str_)
    return found


def _plain(value: str) -> str:
    return gemmi.cif.as_string(value) if value[0] in "'\";" else value


def _text(name: str, table: StarTable) -> str:
    header = [f"data_{name}", "", "loop_", *(f"_{key} #{at}" for at, key in enumerate(table.columns, start=1))]
    rows = zip(*([_quoted(value) for value in values] for values in table.columns.values()), strict=True)
    return "\n".join([*header, *(" ".join(row) for row in rows), "", ""])


def _quoted(value: str) -> str:
    plain = value and not re.search(r"\s", value) and value[0] not in "'\"#_$" and not value.startswith("data_")
    return value if plain else gemmi.cif.quote(value)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return float("nan")
