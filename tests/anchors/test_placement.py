"""Placements of chains on sequences, where the right one is known."""

from __future__ import annotations

import numpy as np
import pytest
from found_residues import USUAL, random_sequence, seen_types

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.placement import ANY, END, diagonal_scores, library, log_odds_of_types, place
from cryotools.core.errors import DataError


def test_sequences_are_held_once_and_nucleic_acids_not_at_all() -> None:
    known = library({"A": "acd ef\n", "B": "ACDEF", "C": "GGXU*", "rna": "ACGU" * 5, "none": ""})
    assert known.names == ["A/B", "C"]
    assert known.copies.tolist() == [2, 1]
    assert known.total == 10
    assert known.letters.tolist() == [0, 1, 2, 3, 4, END, END, 5, 5, ANY, ANY, ANY, END, END]
    assert known.where(8) == (1, 1)
    assert known.composition[AMINO_ACIDS.index("A")] == pytest.approx(2 / 12)
    assert known.composition[AMINO_ACIDS.index("G")] == pytest.approx(2 / 12)
    assert known.composition.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("sequences", "complaint"),
    [({"A": "ACD3"}, "sequence A: 3 stands for no amino acid"), ({}, "none"), ({"dna": "ACGT" * 9}, "none")],
)
def test_what_is_no_protein_is_refused(sequences: dict[str, str], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        library(sequences)


@pytest.mark.parametrize("gapped", [False, True])
def test_a_stretch_is_found_where_it_was_cut_out(gapped: bool) -> None:
    rng = np.random.default_rng(0)
    known = library({name: random_sequence(300, rng) for name in "AB"})
    at = int(known.start[1]) + 120
    letters = "".join(AMINO_ACIDS[letter] for letter in known.letters[at : at + 40])
    found = place(log_odds_of_types(seen_types(letters, 2.0, rng), USUAL), known.letters, gapped)
    middle = (found.rows > 4) & (found.rows < 35)  # the ends may go astray
    assert np.count_nonzero(middle) == 30
    assert np.array_equal(found.positions[middle], at + found.rows[middle])
    assert found.score > 20


def test_no_placement_runs_from_one_sequence_into_the_next() -> None:
    types = np.eye(20)[[AMINO_ACIDS.index(letter) for letter in "MKLVWYHQCP"]]
    odds = log_odds_of_types(types, USUAL)
    for gapped in (False, True):
        found = place(odds, library({"A": "AAAMKLVW", "B": "YHQCPAAA"}).letters, gapped)
        assert len(found.rows) == 5


def test_scores_of_diagonals_are_those_of_all_local_placements() -> None:
    rng = np.random.default_rng(1)
    letters = library({"A": random_sequence(30, rng)}).letters
    odds = log_odds_of_types(seen_types(random_sequence(7, rng), 1.0, rng), USUAL)
    scores = diagonal_scores(odds, letters)
    pairs = odds[:, letters]
    for diagonal in range(len(scores)):
        on = [pairs[i, i + diagonal - 7] for i in range(7) if 0 <= i + diagonal - 7 < len(letters)]
        every = [sum(on[a:b]) for a in range(len(on)) for b in range(a + 1, len(on) + 1)]
        assert scores[diagonal] == pytest.approx(max([0.0, *every]))
    assert place(odds, letters).score == pytest.approx(scores.max())


@pytest.mark.parametrize("change", ["missed", "extra"])
def test_a_gap_is_bridged_if_allowed(change: str) -> None:
    rng = np.random.default_rng(2)
    known = library({"A": random_sequence(400, rng)})
    letters = "".join(AMINO_ACIDS[letter] for letter in known.letters[100:150])
    seen = seen_types(letters, 2.0, rng)
    seen = np.delete(seen, 25, axis=0) if change == "missed" else np.insert(seen, 25, USUAL, axis=0)
    odds = log_odds_of_types(seen, USUAL)
    whole, part = place(odds, known.letters, gapped=True), place(odds, known.letters)
    assert whole.score > part.score + 5
    right = 100 + whole.rows + np.where(whole.rows >= 25, 1 if change == "missed" else -1, 0)
    assert np.count_nonzero(whole.positions != right) <= 4  # at the ends, and at the gap
    assert len(whole.rows) > 40
