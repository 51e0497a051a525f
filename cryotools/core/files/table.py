"""CSV tables: write our own, and read users' lists, whichever program saved them."""

from __future__ import annotations

import codecs
import csv
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryotools.core.errors import DataError
from cryotools.core.files.bytestream import open_bytes
from cryotools.core.files.impostors import impostor

_SEPARATORS = (",", ";", "\t")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Row:
    """A line of a user's table: its number in the file, and its stripped values by lower-case column name."""

    line: int
    values: Mapping[str, str]


def read_table(path: str | os.PathLike[str], columns: Sequence[str], needed: Sequence[str] | None = None) -> list[Row]:
    """The rows of a CSV file with a header; blank lines and columns without a name are skipped.

    Values are separated by commas, or by semicolons or tabs if the header is. The text is UTF-8, or UTF-16 with a byte
    order mark; the header is not case-sensitive.

    Parameters
    ----------
    columns : names that the table may have, by which its header is recognised
    needed : required columns, `map|emdb` for either of two; all of `columns` if None

    Raises
    ------
    DataError
        The file is not text in these encodings, a column is missing or appears twice, or a line has more values than
        the header has names; the message gives the line.
    """
    return parse_table(read_table_text(path), path, columns, needed)


def read_table_text(path: str | os.PathLike[str]) -> str:
    """The text of a user's list or table: UTF-8, or UTF-16 with a byte order mark.

    Raises
    ------
    DataError
        The file is not text in these encodings; the message gives the line.
    """
    with open_bytes(path) as stream:
        return _decoded(stream.read(), path)


def parse_table(
    text: str, path: str | os.PathLike[str], columns: Sequence[str], needed: Sequence[str] | None = None
) -> list[Row]:
    """The rows of the text of `path`, as returned by `read_table`."""
    separator = _separator(text, columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: list[Row] = []
    header: list[str] | None = None
    try:
        for values in reader:
            stripped = [value.strip() for value in values]
            if not any(stripped):
                continue
            if header is None:
                header = _checked_header(stripped, columns if needed is None else needed, path, reader.line_num)
                continue
            if any(stripped[len(header) :]):
                raise DataError(_too_many(path, reader.line_num, len(header), stripped, separator))
            padded = [*stripped, *[""] * (len(header) - len(stripped))]
            rows.append(Row(reader.line_num, {name: v for name, v in zip(header, padded, strict=False) if name}))
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: is not CSV text ({error})") from error
    return rows


def number(text: str) -> float:
    """The number in a table value.

    Raises
    ------
    ValueError
        It is not a number; the message points out a decimal comma.
    """
    try:
        return float(text)
    except ValueError:
        comma = text.count(",") == 1 and text.replace(",", "").lstrip("+-").isdecimal()
        remedy = f"; write {text.replace(',', '.')}, with a point" if comma else ""
        raise ValueError(f"{text} is not a number{remedy}") from None


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], digits: int = 4) -> str:
    """A header of `columns` and one line per row; floats with `digits` decimals, None and NaN as empty values."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _shown(value, digits) for key, value in row.items()})
    return stream.getvalue()


def _decoded(content: bytes, path: str | os.PathLike[str]) -> str:
    what = impostor(content[:200])
    if what:
        raise DataError(f"{path}: is not a CSV table but looks like {what}")
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        found = f"byte 0x{content[error.start]:02x}" if error.start < len(content) else "its end"
        hint = "Latin-1 or Windows-1252, perhaps; " if encoding.startswith("utf-8") else ""
        raise DataError(
            f"{path}: line {line}: is not {encoding.upper().removesuffix('-SIG')} text ({hint}{found}); "
            "save the table as UTF-8"
        ) from error
    if "\0" in text:
        raise DataError(
            f"{path}: contains null bytes (UTF-16 without a byte order mark, or not text); save the table as UTF-8"
        )
    return text


def _separator(text: str, columns: Sequence[str]) -> str:
    """The separator with which the header matches the most `columns`; a comma unless another is better."""
    first = next((line for line in text.splitlines() if line.strip(" \t,;")), "")

    def known(separator: str) -> int:
        names = {name.strip().lower() for name in next(csv.reader([first], delimiter=separator), [])}
        return len(names & set(columns))

    return max(_SEPARATORS, key=known)


def _checked_header(names: list[str], needed: Sequence[str], path: str | os.PathLike[str], line: int) -> list[str]:
    header = [name.lower() for name in names]
    missing = [names for names in needed if not set(names.split("|")) & set(header)]
    if missing:
        column, *others = (names.replace("|", " or ") for names in [missing[0], *needed])
        raise DataError(f"{path}: line {line}: column {column} is missing; it must have {', '.join(others)}")
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise DataError(f"{path}: line {line}: column {twice[0]} appears twice; keep one")
    return header


def _too_many(path: str | os.PathLike[str], line: int, names: int, values: list[str], separator: str) -> str:
    remedy = "put values that contain a comma in double quotes, and write decimals with a point"
    hint = f"; {remedy}" if separator == "," else ""
    return f"{path}: line {line}: has {len(values)} values where the header names {names} columns{hint}"


def _shown(value: Any, digits: int) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.{digits}f}" if isinstance(value, float) else value
