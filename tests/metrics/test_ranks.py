from __future__ import annotations

import numpy as np
import pytest

from cryotools.metrics.ranks import average_ranks, circular_rank_correlation, rank_correlation, roc_area


def test_equal_values_share_their_mean_rank():
    assert average_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1, 3.5, 2]


def test_the_rank_correlation_is_as_by_hand():
    a, b = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 40, 3, 500])
    # without equal ranks it is 1 - 6 Σ d² / (n (n² - 1)); here d² = 1, 1, 1, 1, 0
    assert rank_correlation(a, b) == pytest.approx(1 - 6 * 4 / (5 * 24))
    assert rank_correlation(a, -np.exp(a)) == pytest.approx(-1)
    assert np.isnan(rank_correlation(a, np.ones(5)))


def test_angles_agree_in_either_sense_from_any_start():
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 200)
    for other in (angles + 1, 2 - angles, angles + 0.5 * np.sin(angles)):
        assert circular_rank_correlation(angles, other) == pytest.approx(1, abs=0.02)
    assert circular_rank_correlation(angles, np.random.default_rng(1).uniform(0, 6, 200)) < 0.2
    assert np.isnan(circular_rank_correlation(angles[:2], angles[:2]))


def test_the_roc_area_is_the_share_of_pairs_in_the_right_order():
    score, positive = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert roc_area(score, positive) == 3 / 4
    assert roc_area(np.ones(4), positive) == 1 / 2
    assert np.isnan(roc_area(score, positive | True))
