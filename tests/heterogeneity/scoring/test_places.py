from __future__ import annotations

import numpy as np
import pytest

from cryotools.heterogeneity.scoring.places import score_places
from cryotools.heterogeneity.truth import Truth

N = 600
RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(size=(N, 4))
STATES = np.arange(N) % 3


def truth(states=STATES, motion=None) -> Truth:
    return Truth(states, motion, np.ones(len(states)))


def apart(distance: float) -> np.ndarray:
    """Places (n, 4) of three states."""
    return NOISE + distance * np.eye(4)[STATES]


def test_states_far_apart_are_found():
    scores = score_places(apart(20), truth())
    assert scores.clusters.clusters == 3
    assert (scores.clusters.ari, scores.clusters.accuracy) == (1, 1)
    assert scores.clusters.ami == pytest.approx(1)
    assert sorted(scores.clusters.matched.values()) == [0, 1, 2]
    assert scores.clusters.accuracy_baseline == pytest.approx(1 / 3)
    assert scores.neighbours.share == 1
    assert scores.neighbours.chance == pytest.approx(199 / 599)
    assert scores.motion is None
    assert np.isnan(scores.junk)


def test_noise_scores_as_chance():
    scores = score_places(NOISE, truth())
    assert abs(scores.clusters.ari) < 0.02
    assert abs(scores.clusters.ami) < 0.02
    assert scores.neighbours.share == pytest.approx(scores.neighbours.chance, abs=0.02)


def test_junk_is_clustered_but_not_scored():
    states = np.where(np.arange(N) < 60, -1, STATES)
    places = np.where(states[:, None] < 0, 40 * RANDOM.normal(size=(N, 4)), apart(20))
    scores = score_places(places, truth(states), clusters=20)
    assert scores.clusters.clusters == 20
    assert scores.neighbours.share > 0.98
    assert scores.junk > 0.95


def test_one_state_has_no_clusters_to_find():
    scores = score_places(NOISE, truth(np.zeros(N, dtype=int)))
    assert scores.clusters is None
    assert scores.neighbours.share == scores.neighbours.chance == 1


def test_a_motion_is_followed_by_a_component():
    motion = RANDOM.uniform(size=N)
    places = 0.1 * NOISE
    places[:, 2] -= 30 * motion**2
    scores = score_places(places, truth(np.zeros(N, dtype=int), motion))
    assert scores.motion.component == 1
    assert scores.motion.correlation > 0.99
    assert np.isnan(scores.motion.circular)
    assert scores.motion.distances > 0.9
    assert scores.neighbours.share > 0.8
    assert scores.neighbours.chance == pytest.approx(50 / 599, rel=0.01)


def test_a_cyclic_motion_is_a_ring_in_a_plane():
    motion = RANDOM.uniform(size=N)
    turn = 2 * np.pi * motion
    places = 0.1 * NOISE
    places[:, 1] += 5 * np.cos(turn)
    places[:, 3] -= 5 * np.sin(turn)
    scores = score_places(places, truth(np.zeros(N, dtype=int), motion), cyclic=True)
    assert scores.motion.circular > 0.99
    assert scores.motion.correlation < 0.8
    assert scores.motion.distances > 0.99
    assert scores.neighbours.share > 0.7
    straight = score_places(places, truth(np.zeros(N, dtype=int), motion))
    assert straight.neighbours.share < scores.neighbours.share


def test_on_one_dimension_a_cyclic_motion_may_be_cut_open():
    motion = RANDOM.uniform(size=N)
    cut = np.mod(motion + 0.3, 1)[:, None] ** 3
    scores = score_places(cut, truth(np.zeros(N, dtype=int), motion), cyclic=True)
    assert scores.motion.circular > 0.99
