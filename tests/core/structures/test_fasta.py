"""FASTA files as users have them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cryotools.core.errors import DataError
from cryotools.core.structures.fasta import looks_nucleic, read_fasta


def test_sequences_are_read_by_name_with_copies_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "two.fasta"
    path.write_text("\n>A first chain\r\nmkv lit\r\nAA*\r\n>B\nGG\n>A again\nMKV\n")
    assert read_fasta(path) == {"A": "MKVLITAA", "B": "GG", "A-2": "MKV"}


def test_names_that_look_like_those_of_copies_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "names.fasta"
    path.write_text(">A-3\nMKV\n>A\nGG\n>A\nLL\n>A-2\nWW\n>A\nPP\n")
    assert read_fasta(path) == {"A-3": "MKV", "A": "GG", "A-2": "LL", "A-2-2": "WW", "A-4": "PP"}


def test_nucleotides_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "rna.fasta"
    path.write_text(">1ABC_1|Chains A, B|RNA\nGGAUCCNN\n")
    assert read_fasta(path) == {"1ABC_1|Chains": "GGAUCCNN"}


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "one.fa.gz"
    path.write_bytes(gzip.compress(b">A\nMKV\n"))
    assert read_fasta(path) == {"A": "MKV"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"MKVLIT\n", "is not FASTA"),
        (b"", "is an empty file"),
        (b">A\n>B\nMKV\n", "sequence A is empty"),
        (b">A\nMK1V\n", "cannot be read as FASTA"),
        (b"<!DOCTYPE html><html></html>", "looks like"),
    ],
)
def test_what_is_no_fasta_is_said_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.fasta"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_fasta(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_fasta(tmp_path / "none.fasta")


@pytest.mark.parametrize(
    ("letters", "nucleic"), [("GGAUCCNNACGT", True), ("GATACCA", False), ("GGAUCCNNACGTK", False), ("", False)]
)
def test_long_sequences_of_nucleotide_letters_alone_are_nucleic(letters: str, nucleic: bool) -> None:
    assert looks_nucleic(letters) is nucleic
