from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from cryotools.metrics.clusters import (
    adjusted_mutual_information,
    adjusted_rand_index,
    contingency,
    matched_clusters,
)


def information(truth: np.ndarray, labels: np.ndarray) -> float:
    """Mutual information in nats, from its definition."""
    joint = contingency(truth, labels) / len(truth)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    return float((joint[joint > 0] * np.log(joint[joint > 0] / apart[joint > 0])).sum())


def test_items_are_counted_by_class_and_cluster():
    assert contingency(np.array([5, 5, -1, 7]), np.array([2, 3, 3, 3])).tolist() == [[0, 1], [1, 1], [0, 1]]


# the values of scikit-learn's documentation and tests, which follow from the formulas by hand
@pytest.mark.parametrize(
    ("truth", "labels", "rand"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], 1.0),
        ([0, 0, 1, 2], [0, 0, 1, 1], 4 / 7),
        ([0, 0, 1, 1], [0, 0, 1, 2], 4 / 7),
        ([0, 0, 0, 0], [0, 1, 2, 3], 0.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
        ([0, 1, 2], [2, 0, 1], 1.0),
        ([0, 0, 0], [1, 1, 1], 1.0),
    ],
)
def test_the_rand_index_is_as_by_hand(truth, labels, rand):
    assert adjusted_rand_index(np.array(truth), np.array(labels)) == pytest.approx(rand)


def test_mutual_information_is_less_that_of_all_permutations():
    truth, labels = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 1, 2, 2])
    expected = np.mean([information(truth, np.array(each)) for each in permutations(labels)])
    mean = (information(truth, truth) + information(labels, labels)) / 2
    by_hand = (information(truth, labels) - expected) / (mean - expected)
    assert adjusted_mutual_information(truth, labels) == pytest.approx(by_hand)


def test_mutual_information_is_1_for_the_same_clusters_and_0_for_one_cluster():
    truth = np.array([0, 0, 1, 1, 2, 2, 2])
    assert adjusted_mutual_information(truth, (truth + 1) % 3) == pytest.approx(1)
    assert adjusted_mutual_information(truth, np.zeros(7)) == pytest.approx(0)
    assert adjusted_mutual_information(truth, np.arange(7)) == pytest.approx(0)
    assert adjusted_mutual_information(np.zeros(7), np.zeros(7)) == 1


def test_random_labels_score_0_on_average():
    random = np.random.default_rng(0)
    truth = np.arange(100) % 4
    labels = [random.integers(7, size=100) for _ in range(100)]
    for score in (adjusted_rand_index, adjusted_mutual_information):
        assert np.mean([score(truth, each) for each in labels]) == pytest.approx(0, abs=0.01)


def test_each_class_gets_its_own_cluster():
    truth, labels = np.array([3, 3, 3, 8, 8]), np.array([1, 1, 0, 1, 1])
    # both classes would take cluster 1; it is worth more to class 8
    assert matched_clusters(truth, labels) == ({3: 0, 8: 1}, 3 / 5)
    assert matched_clusters(truth, np.zeros(5)) == ({3: 0}, 3 / 5)
