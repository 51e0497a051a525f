"""Clusters of places whose groups are known."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import ArgumentError, CryotoolsNote, DataError
from cryotools.heterogeneity.analysis.clusters import k_means


def groups(sizes: list[int], apart: float = 20, q: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Round groups of unit width on a line, and the group of each place, in random order."""
    random = np.random.default_rng(seed)
    truth = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    latent = random.normal(size=(len(truth), q))
    latent[:, 0] += apart * truth
    return latent, truth


def test_distant_groups_are_found_and_numbered_along_the_line() -> None:
    latent, truth = groups([50, 5, 200, 30, 80, 40])
    found = k_means(latent, 6)
    assert np.array_equal(found.labels, truth)
    assert np.array_equal(found.counts(), [50, 5, 200, 30, 80, 40])
    for label in range(6):
        assert np.allclose(found.centres[label], latent[truth == label].mean(axis=0))


def test_representatives_are_the_particles_nearest_to_their_centres() -> None:
    latent, _ = groups([100, 100], apart=3)
    found = k_means(latent, 9)
    for label, which in enumerate(found.representatives):
        away = np.linalg.norm(latent - found.centres[label], axis=1)
        away[found.labels != label] = np.inf
        assert which == away.argmin()


def test_every_particle_belongs_to_the_nearest_centre_and_every_centre_has_particles() -> None:
    latent = np.random.default_rng(1).normal(size=(300, 4))
    found = k_means(latent, 40)
    away = np.linalg.norm(latent[:, None] - found.centres, axis=2)
    assert np.array_equal(found.labels, away.argmin(axis=1))
    assert found.counts().min() >= 1
    assert found.centres.shape == (40, 4)


def test_one_seed_gives_one_result() -> None:
    latent = np.random.default_rng(2).normal(size=(200, 2))
    assert np.array_equal(k_means(latent, 7, seed=3).labels, k_means(latent, 7, seed=3).labels)


def test_fewer_places_than_clusters_make_fewer_clusters_with_a_note() -> None:
    latent = np.repeat([[0.0], [1.0], [5.0]], 4, axis=0)
    with pytest.warns(CryotoolsNote, match="3 different places make 3 clusters, not 20"):
        found = k_means(latent, 20)
    assert np.array_equal(found.labels, np.repeat([0, 1, 2], 4))


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ArgumentError, match="1 or more"):
        k_means(np.zeros((5, 2)), 0)
    with pytest.raises(DataError, match="finite"):
        k_means(np.array([[np.nan], [1.0]]), 1)
    with pytest.raises(DataError, match="no particles"):
        k_means(np.zeros((0, 2)), 1)
