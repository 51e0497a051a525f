"""Tables: what is written reads as it should, and what users' programs save is read or named in one line."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

import pytest

from cryotools.core.errors import DataError
from cryotools.core.files.table import csv_text, number, read_table

PLAIN = "id,file,resolution\na,maps/a.mrc,3.2\nö,b.mrc,4\n"
ROWS = [
    {"id": "a", "file": "maps/a.mrc", "resolution": "3.2"},
    {"id": "ö", "file": "b.mrc", "resolution": "4"},
]
COLUMNS = ("id", "file", "resolution")


def saved(folder: Path, content: str | bytes) -> Path:
    path = folder / "list.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_rows_become_lines_under_a_header():
    rows = [{"a": 1, "b": 0.123456, "c": "x, y"}, {"a": 2, "b": float("nan"), "c": None}]
    assert csv_text(["a", "b", "c"], rows) == 'a,b,c\n1,0.1235,"x, y"\n2,,\n'


def test_no_rows_leave_the_header():
    assert csv_text(["a", "b"], []) == "a,b\n"


SAME = {
    "plain": PLAIN,
    "mark of UTF-8": codecs.BOM_UTF8 + PLAIN.encode(),
    "UTF-16, little-endian, with its mark": codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"),
    "UTF-16, big-endian, with its mark": codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "Windows' line ends": PLAIN.replace("\n", "\r\n"),
    "old Macintosh line ends": PLAIN.replace("\n", "\r"),
    "capitals": PLAIN.replace("id,file", "ID,File"),
    "blanks and empty lines": "\n" + PLAIN.replace(",", " , ").replace("\n", "\n\n"),
    "lines of separators alone, as spreadsheets leave them": PLAIN + ",,\n,,\n",
    "empty columns to the right": PLAIN.replace("\n", ",,\n"),
    "quotes": PLAIN.replace("maps/a.mrc", '"maps/a.mrc"'),
    "gzip": gzip.compress(PLAIN.encode()),
}


@pytest.mark.parametrize("what", SAME)
def test_however_a_table_was_saved_its_rows_are_the_same(tmp_path, what):
    assert [dict(row.values) for row in read_table(saved(tmp_path, SAME[what]), COLUMNS)] == ROWS


REFUSED = {
    "Latin-1": (PLAIN.encode("latin-1"), r"line 3: is not UTF-8 text \(Latin-1 or Windows-1252, perhaps; byte 0xf6\)"),
    "UTF-16 without its mark": (PLAIN.replace("ö", "o").encode("utf-16-le"), "null bytes .*save the table as UTF-8"),
    "half a UTF-16 character": (codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le") + b"x", "is not UTF-16 text"),
    "spreadsheet": (b"PK\x03\x04" + bytes(100), "is not a CSV table but looks like a zip archive"),
    "web page": ("<!DOCTYPE html><table>", "looks like a web page"),
    "nothing": ("", "is an empty file"),
    "missing column": (
        PLAIN.replace("resolution", "res"),
        "line 1: column resolution is missing; it must have id",
    ),
    "no header": ("a,maps/a.mrc,3.2\n", "line 1: column id is missing"),
    "column twice": (PLAIN.replace("resolution", "resolution,id"), "line 1: column id appears twice"),
    "decimal comma": (PLAIN.replace("3.2", "3,2"), "line 2: has 4 values where the header names 3 .* with a point"),
    "too many between semicolons": ("id;file;resolution\n\na;b;3;4\n", "line 3: has 4 values .* names 3 columns$"),
    "unfinished quote with a huge field": ('id,file,resolution\n"' + "x" * 200_000, "line 2: is not CSV text"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_table_that_cannot_be_told_is_refused_in_one_line(tmp_path, what):
    content, message = REFUSED[what]
    path = saved(tmp_path, content)
    with pytest.raises(DataError, match=f"{path}: .*{message}") as caught:
        read_table(path, COLUMNS)
    assert "\n" not in str(caught.value)


def test_one_of_two_columns_is_enough_where_either_will_do(tmp_path):
    needed = ("id", "map|emdb")
    for header in ("id,map", "id,emdb", "emdb;map;id"):
        assert read_table(saved(tmp_path, header + "\n"), ("id", "map", "emdb"), needed) == []
    with pytest.raises(DataError, match="column map or emdb is missing; it must have id, map or emdb"):
        read_table(saved(tmp_path, "id,mop\n"), ("id", "map", "emdb"), needed)


def test_rows_know_their_line_and_short_ones_are_filled_up(tmp_path):
    rows = read_table(saved(tmp_path, 'id,file,resolution\n\n"a\nb",c\n\nd\n'), COLUMNS)
    assert [(row.line, row.values["id"], row.values["resolution"]) for row in rows] == [(4, "a\nb", ""), (6, "d", "")]


def test_a_decimal_comma_is_named_where_a_number_is_wanted():
    assert number("3.2") == 3.2
    with pytest.raises(ValueError, match=r"^3,2 is not a number; write 3\.2, with a point$"):
        number("3,2")
    for text in ("three", "1,234,567", "3,2 A"):
        with pytest.raises(ValueError, match=f"^{text} is not a number$"):
            number(text)
