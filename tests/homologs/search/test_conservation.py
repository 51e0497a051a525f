"""Conservation in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cryotools.homologs.search.conservation import (
    BACKGROUND,
    LETTERS,
    conservation,
    jensen_shannon,
    sequence_weights,
)


def divergence_of_one_letter(q: float) -> float:
    """The Jensen-Shannon divergence, in bits, between a certain letter and a background in which it has the share q."""
    certain = -math.log2((1 + q) / 2)
    background = q * math.log2(2 * q / (1 + q)) + (1 - q)  # every other letter has a ratio of 2
    return (certain + background) / 2


def share(letter: str) -> float:
    return float(BACKGROUND[LETTERS.index(letter)])


def test_a_column_of_one_letter_scores_as_rare_as_the_letter_is() -> None:
    score = conservation(["WLA", "WLA", "WLA"], share=1)
    assert score == pytest.approx([divergence_of_one_letter(share(letter)) for letter in "WLA"], abs=1e-4)
    assert score[0] > score[2] > score[1]  # tryptophan is the rarest, leucine the commonest


def test_a_column_like_the_background_scores_nothing() -> None:
    assert jensen_shannon(BACKGROUND[None], BACKGROUND) == pytest.approx([0], abs=1e-12)
    certain = np.zeros((1, 20))
    certain[0, 0] = 1
    apart = np.append(np.zeros(19), 1.0)
    assert jensen_shannon(certain[:, ::-1], np.maximum(np.roll(apart, 1), 1e-300)) == pytest.approx([1])


def test_gaps_lower_a_score_by_their_weighted_share() -> None:
    whole = divergence_of_one_letter(share("W"))
    score = conservation(["WC", "WC", "W-"], share=1)
    # rows weigh 1/3 + 1/2, 1/3 + 1/2 and 1/3 of the sum of two columns
    assert score == pytest.approx([whole, divergence_of_one_letter(share("C")) * (5 / 3) / 2], abs=1e-4)


def test_rows_weigh_less_the_more_of_them_are_alike() -> None:
    codes = np.array([[0, 1], [0, 1], [2, 1]])
    # the first column: 1/4, 1/4, 1/2; the second 1/3 each
    assert sequence_weights(codes) == pytest.approx(np.array([7, 7, 10]) / 24)


def test_neighbours_within_three_residues_share_in_a_score() -> None:
    rows = ["WAAAAAAAAA"] * 2
    alone = conservation(rows, share=1)
    mixed = conservation(rows)
    for at in range(10):
        near = [alone[k] for k in range(max(at - 3, 0), min(at + 4, 10)) if k != at]
        assert mixed[at] == pytest.approx(0.5 * alone[at] + 0.5 * np.mean(near))
    assert mixed[4] == pytest.approx(alone[4])


def test_ambiguous_letters_count_as_the_likelier_and_unknown_ones_as_gaps() -> None:
    assert conservation(["DQW", "BZW"], share=1) == pytest.approx(conservation(["DQW", "DQW"], share=1))
    assert conservation(["WW", "XW"], share=1) == pytest.approx(conservation(["WW", "-W"], share=1))
