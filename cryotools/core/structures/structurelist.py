"""Lists of structures: a folder, a text file of paths, or a CSV table with a column `file`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cryotools.core.errors import DataError
from cryotools.core.files.table import Row, parse_table, read_table_text

_FORMATS = (".pdb", ".ent", ".cif", ".mmcif")
_COMPRESSED = (".gz", ".bz2")
SUFFIXES = tuple(name + packed for packed in ("", *_COMPRESSED) for name in _FORMATS)
FILE = "file"
_RELATED = "homolog_of_fold"  # column name


def list_structures(source: str | os.PathLike[str], columns: Sequence[str] = ()) -> list[Row]:
    """One row per structure in `source`, whose value `file` is a path; relative paths are relative to the list.

    Parameters
    ----------
    source : a folder (its files with the suffix of a structure, sorted), a text file with one path per line (blank
        lines and lines starting with # are ignored), or a CSV table with a column `file`
    columns : other columns that a table may have

    Raises
    ------
    DataError
        The folder or list does not exist, is not text, is itself a structure, or is empty.
    """
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if is_structure(file) and not file.name.startswith("."))
        rows = [Row(0, {FILE: str(file)}) for file in files]
    elif not path.exists():
        raise DataError(f"{path}: no such file or folder")
    elif is_structure(path):
        raise DataError(f"{path}: has the name of a structure, not of a list")
    else:
        rows = _listed(path, columns)
    if not rows:
        raise DataError(f"{path}: has no structures (files ending in {', '.join(_FORMATS)}, or these in .gz, .bz2)")
    return rows


def unrelated_structures(path: str, fold: int | None, *, to_any: bool = False) -> list[Path]:
    """The structures of a folder or list, as read by `list_structures`, except those whose column
    homolog_of_fold marks them as related to a map of the held-out `fold`, or `to_any` map.

    Raises
    ------
    DataError
        There is no such folder or list, it is not a table, or it names no usable structure.
    """
    related = str(fold) if fold is not None else None
    rows = list_structures(path, (_RELATED,))
    of_fold = [(row.values[FILE], row.values.get(_RELATED, "")) for row in rows]
    kept = [file for file, mark in of_fold if not (mark if to_any else mark and mark == related)]
    if not kept:
        held = "a map" if to_any else f"fold {fold}"
        raise DataError(f"{path}: every structure is related to {held}, which is held out")
    return [Path(file) for file in kept]


def is_structure(path: Path) -> bool:
    """Whether a file has the suffix of a structure file."""
    return path.name.lower().endswith(SUFFIXES)


def stem(path: str | os.PathLike[str]) -> str:
    """The name of a structure file without the suffixes for format and compression."""
    name = Path(path).name
    packed = next((ending for ending in _COMPRESSED if name.lower().endswith(ending)), "")
    return Path(name[: len(name) - len(packed)]).stem


def _listed(path: Path, columns: Sequence[str]) -> list[Row]:
    text = read_table_text(path)
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    named = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if named and _is_path(named[0][1], path.parent):
        return [Row(number, {FILE: str(path.parent / line)}) for number, line in named]
    rows = parse_table(text, path, (FILE, *columns), (FILE,))
    if empty := [row.line for row in rows if not row.values[FILE]]:
        raise DataError(f"{path}: line {empty[0]}: column file is empty")
    return [Row(row.line, {**row.values, FILE: str(path.parent / row.values[FILE])}) for row in rows]


def _is_path(line: str, folder: Path) -> bool:
    """Whether the first line of a list is a path; otherwise it is the header of a table."""
    if (folder / line).exists():
        return True
    return line.lower() != FILE and not any(separator in line for separator in ",;\t")
