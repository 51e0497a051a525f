from __future__ import annotations

import numpy as np
import pytest

from cryotools.metrics import latent
from cryotools.metrics.latent import distance_correlation, neighbours_of_same_state, neighbours_shared

RANDOM = np.random.default_rng(0)


def test_neighbours_of_the_same_state_are_as_by_hand():
    places = np.array([0.0, 1.0, 2.1, 10.0, 11.0])[:, None]
    found = neighbours_of_same_state(places, np.array([0, 0, 1, 1, 1]), 2)
    # of 0 and 1 only the nearest counts: 1 and 0; 2 has 1 and 0, 3 has 4 and 2, 4 has 3 and 2
    assert found.share == pytest.approx((1 + 1 + 0 + 1 + 1) / 5)
    assert found.chance == pytest.approx((1 + 1 + 2 + 2 + 2) / 5 / 4)


def test_shared_neighbours_are_as_by_hand():
    truth = np.array([0.0, 1.0, 2.1, 3.3, 4.6])[:, None]
    swapped = truth[[0, 1, 4, 3, 2]]
    found = neighbours_shared(swapped, truth, 1)
    # nearest in truth: 1, 0, 1, 2, 3; in the swapped order: 1, 0, 3, 4, 1
    assert found.share == pytest.approx(2 / 5)
    assert found.chance == pytest.approx(1 / 4)


def test_the_same_space_shares_all_neighbours_and_noise_as_many_as_by_chance():
    truth = RANDOM.normal(size=(400, 2))
    assert neighbours_shared(3 * truth, truth, 20).share == 1
    found = neighbours_shared(RANDOM.normal(size=(400, 2)), truth, 20)
    assert found.chance == pytest.approx(20 / 399)
    assert found.share == pytest.approx(found.chance, abs=0.01)


def test_places_may_be_equal():
    truth = np.repeat(np.arange(4.0), 50)[:, None]
    found = neighbours_shared(truth + 1e-3 * RANDOM.normal(size=(200, 1)), truth, 10)
    assert (found.share, found.chance) == (1, pytest.approx(49 / 199))
    alike = neighbours_of_same_state(np.zeros((200, 3)), truth[:, 0], 10)
    assert 0 <= alike.share <= 1


def test_many_items_are_sampled(monkeypatch):
    truth = RANDOM.normal(size=(400, 2))
    noisy = truth + 0.3 * RANDOM.normal(size=(400, 2))
    whole = neighbours_shared(noisy, truth, 20)
    monkeypatch.setattr(latent, "_QUERIES", 100)
    assert neighbours_shared(noisy, truth, 20).share == pytest.approx(whole.share, abs=0.05)


def test_a_single_item_has_no_neighbours():
    for found in (
        neighbours_shared(np.ones((1, 2)), np.ones((1, 1)), 5),
        neighbours_of_same_state(np.ones((1, 2)), np.ones(1), 5),
    ):
        assert np.isnan(found.share)
    assert np.isnan(distance_correlation(np.ones((1, 2)), np.ones((1, 1))))


def test_distances_correlate_if_one_space_is_the_other_turned():
    truth = RANDOM.normal(size=(300, 2))
    turned = truth @ np.array([[0.6, 0.8], [-0.8, 0.6]]) * 7
    assert distance_correlation(turned, truth) == pytest.approx(1)
    assert abs(distance_correlation(RANDOM.normal(size=(300, 2)), truth)) < 0.1
