"""Models whose errors are known, against amino acids seen with noise."""

from __future__ import annotations

import numpy as np
import pytest
from found_residues import USUAL, random_sequence, seen_types

from cryotools.anchors.labels import AMINO_ACIDS, UNKNOWN
from cryotools.anchors.register import FARTHEST, MISPLACED, REVERSED, SHIFTED, RegisterScores, register_scores


def indices(letters: str) -> np.ndarray:
    return np.array([AMINO_ACIDS.index(letter) for letter in letters])


def scores(true: str, model: str, clear: float = 1.8, seed: int = 0, breaks: tuple[int, ...] = ()) -> RegisterScores:
    """Scores of a model's letters where the map shows the true ones; the chain breaks after some residues."""
    odds = np.log(seen_types(true, clear, np.random.default_rng(seed)) / USUAL)
    linked = np.ones(len(true), dtype=bool)
    linked[[*breaks, -1]] = False
    return register_scores(odds, indices(model), linked)


TRUE = random_sequence(200, np.random.default_rng(7))


def test_a_right_model_has_no_mismatch() -> None:
    """1 % at most are said to have one; of 100, up to 4 may be so by chance."""
    rng = np.random.default_rng(1)
    wrong = 0
    for number in range(100):
        letters = random_sequence(150, rng)
        wrong += bool(scores(letters, letters, (1.0, 1.6, 2.4)[number % 3], seed=number).mismatches)
    assert wrong <= 4


@pytest.mark.parametrize("shift", [2, -3, 9])
def test_a_register_shift_is_found_with_its_sign_and_range(shift: int) -> None:
    begin, end = 60, 110
    model = TRUE[:begin] + TRUE[begin - shift : end - shift] + TRUE[end:]  # residue i + shift looks like residue i
    (found,) = scores(TRUE, model).mismatches
    assert (found.kind, found.shift) == (SHIFTED, shift)
    assert found.gain > 20
    inside = (begin, end - shift) if shift > 0 else (begin - shift, end)  # where the letters seen are in the model
    assert abs(found.begin - inside[0]) <= 8  # neither is right beyond
    assert abs(found.end - inside[1]) <= 8


def test_scores_are_means_of_what_is_seen_nearby() -> None:
    found = scores(TRUE, TRUE, breaks=(99,))
    odds = np.log(seen_types(TRUE, 1.8, np.random.default_rng(0)) / USUAL)
    own = odds[np.arange(200), indices(TRUE)]
    assert found.score[50] == pytest.approx(own[41:60].mean())
    assert found.score[0] == pytest.approx(own[:10].mean())
    assert found.score[99] == pytest.approx(own[90:100].mean())  # not beyond the break
    assert found.shifted[50, FARTHEST + 2] == pytest.approx(odds[np.arange(41, 60), indices(TRUE)[43:62]].mean())
    assert np.isnan(found.shifted[0, 0])
    assert np.all(np.nanargmax(found.shifted, axis=1) == FARTHEST)


def test_a_stretch_that_looks_like_something_else_is_misplaced() -> None:
    other = random_sequence(40, np.random.default_rng(3))
    found = scores(TRUE, TRUE[:80] + other + TRUE[120:], clear=2.0)
    (one,) = found.mismatches
    assert (one.kind, one.shift) == (MISPLACED, 0)
    assert abs(one.begin - 80) <= 4
    assert abs(one.end - 120) <= 4
    assert found.score[100] < 0 < found.score[40]


def test_a_chain_that_runs_backwards_is_told() -> None:
    odds = np.log(seen_types(TRUE, 1.5, np.random.default_rng(0)) / USUAL)
    odds[100:150] = 0.0  # seen from behind, nothing is recognised
    backward = np.full(200, -1.0)
    backward[100:150] = 1.0
    (one,) = register_scores(odds, indices(TRUE), np.append(np.ones(199, dtype=bool), False), backward).mismatches
    assert (one.kind, one.begin, one.end) == (REVERSED, 100, 150)
    assert one.gain == pytest.approx(50)


def test_unknown_amino_acids_and_short_chains_say_nothing() -> None:
    types = indices(TRUE)
    types[::2] = UNKNOWN
    odds = np.log(seen_types(TRUE, 1.5, np.random.default_rng(0)) / USUAL)
    whole = np.append(np.ones(199, dtype=bool), False)
    assert register_scores(odds, types, whole).mismatches == []
    nothing = register_scores(np.zeros((3, 20)), types[:3], np.zeros(3, dtype=bool))
    assert np.isnan(nothing.score).all()
    assert nothing.mismatches == []
    empty = register_scores(np.zeros((0, 20)), types[:0], np.zeros(0, dtype=bool))
    assert len(empty.score) == 0
