"""One-to-one matching, precision and recall, risk and coverage, against counts by hand and by brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from cryotools.metrics.detection import is_right, match_points, precision_recall, risk_coverage


def _best(found: np.ndarray, truth: np.ndarray, radius: float) -> tuple[int, float]:
    """Most pairs and, among those, the least total distance, by trying everything (len(found) <= len(truth))."""
    best = (0, 0.0)
    for chosen in permutations(range(len(truth)), len(found)):
        distance = np.linalg.norm(found - truth[list(chosen)], axis=1)
        near = distance[distance <= radius]
        best = min(best, (-len(near), float(near.sum())))
    return -best[0], best[1]


@pytest.mark.parametrize("seed", range(12))
def test_matching_makes_as_many_pairs_as_possible_at_the_least_distance(seed: int) -> None:
    random = np.random.default_rng(seed)
    found, truth = random.uniform(0, 5, (4, 3)), random.uniform(0, 5, (6, 3))
    matching = match_points(found, truth, 2.0)
    pairs, total = _best(found, truth, 2.0)
    assert len(matching) == pairs
    assert matching.distance.sum() == pytest.approx(total)
    assert len(set(matching.truth.tolist())) == len(matching), "no true position is found twice"


def test_a_near_detection_gives_way_where_that_makes_two_pairs() -> None:
    truth = np.array([[0.0, 0, 0], [2.0, 0, 0]])
    found = np.array([[0.9, 0, 0], [-1.0, 0, 0]])  # the first is nearest to 0, but alone can reach 2
    matching = match_points(found, truth, 1.2)
    assert dict(zip(matching.found.tolist(), matching.truth.tolist(), strict=True)) == {0: 1, 1: 0}


def test_a_detection_on_its_true_position_is_matched_at_distance_0() -> None:
    matching = match_points(np.zeros((1, 3)), np.zeros((1, 3)), 1.0)
    assert (matching.found.tolist(), matching.truth.tolist(), matching.distance.tolist()) == ([0], [0], [0.0])


@pytest.mark.parametrize(("found", "truth"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_matches_nothing(found: int, truth: int) -> None:
    assert len(match_points(np.zeros((found, 3)), np.zeros((truth, 3)), 1.0)) == 0


def test_what_lies_beyond_the_radius_is_not_found() -> None:
    assert len(match_points(np.zeros((1, 3)), np.array([[3.01, 0, 0]]), 3.0)) == 0
    assert is_right(3, match_points(np.zeros((1, 3)), np.array([[2.99, 0, 0]]), 3.0)).tolist() == [True, False, False]


def test_a_long_chain_is_matched_residue_by_residue() -> None:
    truth = np.stack([3.8 * np.arange(3000.0), np.zeros(3000), np.zeros(3000)], axis=1)
    found = truth[::-1] + np.array([1.0, 0.5, 0.0])
    matching = match_points(found, truth, 3.0)
    assert np.array_equal(matching.truth, 2999 - matching.found)
    assert len(matching) == 3000


def test_precision_and_recall_count_as_by_hand() -> None:
    curve = precision_recall(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, True]), n_truth=5)
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.precision == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])
    assert curve.recall == pytest.approx([1 / 5, 1 / 5, 2 / 5, 3 / 5])
    assert curve.average_precision() == pytest.approx((1 + 2 / 3 + 3 / 4) / 5)
    assert curve.recall_at(0.7) == pytest.approx(3 / 5)
    assert curve.recall_at(1.01) == 0


def test_equal_confidences_are_one_step_whatever_their_order() -> None:
    right = np.array([True, False, False, True])
    curves = [precision_recall(np.full(4, 0.5), right[order], 4) for order in ([0, 1, 2, 3], [3, 1, 0, 2])]
    for curve in curves:
        assert (curve.precision.tolist(), curve.recall.tolist()) == ([0.5], [0.5])


def test_risk_rises_from_the_surest_answers_to_the_share_of_all_wrong_ones() -> None:
    curve = risk_coverage(np.array([0.2, 0.9, 0.6, 0.4]), np.array([False, True, True, False]))
    assert curve.coverage == pytest.approx([0.25, 0.5, 0.75, 1])
    assert curve.risk == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert curve.area() == pytest.approx(0.25 * (0 + 0 + 1 / 3 + 1 / 2))
    assert curve.coverage_at(0.34) == pytest.approx(0.75)


def test_no_answers_have_no_area() -> None:
    assert np.isnan(risk_coverage(np.zeros(0), np.zeros(0, dtype=bool)).area())
    assert np.isnan(precision_recall(np.zeros(0), np.zeros(0, dtype=bool), 3).average_precision())
