"""Multiple alignments as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryotools.core.errors import DataError
from cryotools.homologs.search.alignment import a3m_text, read_alignment


def test_insertions_are_small_letters_and_rows_as_long_as_the_query(tmp_path: Path) -> None:
    text = a3m_text("q", "ACDEFG", [("t one", 1, "CD--EF", "CDWW-Y")])
    assert text == ">q\nACDEFG\n>t one\n-CDww-Y-\n"
    (tmp_path / "q.a3m").write_text(text)
    assert read_alignment(tmp_path / "q.a3m") == ["ACDEFG", "-CD-Y-"]


def test_columns_in_which_an_aligned_query_has_a_gap_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "q.fasta").write_text(">q\nAC-D\nE.F\n>t\nACWDEWF\n")
    assert read_alignment(tmp_path / "q.fasta") == ["ACDEF", "ACDEF"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ACD\n", "is no alignment"),
        (">q\nACD\n>t\nAC\n", "t has another number of columns"),
        (">q\n\n>t\n\n", "the query is empty"),
    ],
)
def test_what_is_no_alignment_is_said(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "q.a3m").write_text(text)
    with pytest.raises(DataError, match=words):
        read_alignment(tmp_path / "q.a3m")
