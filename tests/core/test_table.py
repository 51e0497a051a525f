from __future__ import annotations

from cryotools.core.table import csv_text


def test_rows_become_lines_under_a_header():
    rows = [{"a": 1, "b": 0.123456, "c": "x, y"}, {"a": 2, "b": float("nan"), "c": None}]
    assert csv_text(["a", "b", "c"], rows) == 'a,b,c\n1,0.1235,"x, y"\n2,,\n'


def test_no_rows_leave_the_header():
    assert csv_text(["a", "b"], []) == "a,b\n"
