"""Which sequences a search takes."""

from __future__ import annotations

import pytest

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.homologs.search.queries import known_letters, protein_queries


def test_proteins_are_taken_in_upper_case_and_nucleic_acids_named() -> None:
    with pytest.warns(CryotoolsWarning, match="RNA or DNA is left out: r, d"):
        found = protein_queries({"p": "mkv lux*", "r": "GGAUCCAAGGUU", "d": "ACGTNACGTNACGT"})
    assert found == {"p": "MKVLUX"}


@pytest.mark.parametrize(
    ("sequences", "words"),
    [
        ({"r": "GGAUCCAAGGUU"}, "none of the sequences is that of a protein: r is RNA or DNA"),
        ({}, "none of the sequences is that of a protein"),
        ({"p": "MKV1"}, "sequence p: 1 stands for no amino acid; give one-letter codes"),
        ({"p": "MK-V"}, "sequence p: - stands for no amino acid; remove the gaps"),
        ({"a b": "MKV"}, "sequence 'a b': a name must be one word"),
        ({"": "MKV"}, "sequence '': a name must be one word"),
        ({"p": " *"}, "sequence p: is empty"),
    ],
)
def test_what_cannot_be_searched_is_said(sequences: dict[str, str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        protein_queries(sequences)


def test_letters_of_databases_that_stand_for_nothing_become_unknown() -> None:
    assert known_letters("mkV?uB") == "MKVXUB"
