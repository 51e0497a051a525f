"""Conformations of volumes that are known, and scores against other formulas."""

from __future__ import annotations

import numpy as np
import pytest
from blob_ensemble import ball_at

from cryotools.core.errors import ArgumentError
from cryotools.heterogeneity.analysis.clusters import k_means
from cryotools.heterogeneity.analysis.landscape import molecule_mask, silhouette, volume_landscape


def two_states(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Places in three clouds, of which the first and the last have the same volume, and the state of each place."""
    random = np.random.default_rng(0)
    cloud = random.integers(0, 3, count)
    latent = np.stack([8 * cloud + random.normal(size=count), random.normal(size=count)], axis=1)
    return latent, (cloud == 1).astype(int)


def volume(place: np.ndarray) -> np.ndarray:
    return ball_at(1.0 if 4 < place[0] < 12 else -1.0) + 0.001 * place[1]


def test_conformations_are_those_of_volumes_and_not_of_clouds() -> None:
    latent, state = two_states()
    found = volume_landscape(latent, k_means(latent, 30), volume)
    assert len(found.typical) == 2
    assert found.separation > 0.95
    assert found.counts().tolist() == [(state == 0).sum(), (state == 1).sum()]
    assert np.array_equal(found.labels(), state)


def test_one_motion_is_one_component_and_particles_lie_in_its_order() -> None:
    latent = np.random.default_rng(0).uniform(-1, 1, size=(500, 2))
    found = volume_landscape(latent, k_means(latent, 40), lambda place: ball_at(0.3 * place[0]))
    assert found.shares[0] > 0.95
    order = np.argsort(np.argsort(latent[:, 0])), np.argsort(np.argsort(found.places[:, 0]))
    assert abs(np.corrcoef(*order)[0, 1]) > 0.99
    assert found.separation < 0.75


def test_distances_between_scores_are_those_between_volumes() -> None:
    latent, _ = two_states(60)
    clusters = k_means(latent, 8)
    found = volume_landscape(latent, clusters, volume, 3)
    made = np.stack([volume(latent[each])[found.mask] for each in clusters.representatives])
    expected = np.sqrt(((made[:, None] - made) ** 2).mean(axis=-1))
    assert np.allclose(np.linalg.norm(found.scores[:, None] - found.scores, axis=-1), expected, atol=1e-4)
    assert len(found.typical) == 3
    assert np.all(found.conformation[found.typical] == np.arange(3))
    assert np.all(np.diff(found.counts()) <= 0)


def test_the_silhouette_is_that_of_its_definition() -> None:
    random = np.random.default_rng(0)
    labels, weights = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3]), np.arange(1.0, 10)
    places = random.normal(size=(9, 2)) + 3 * labels[:, None]
    away = np.linalg.norm(places[:, None] - places, axis=-1)
    expected = []
    for item, group in enumerate(labels[:-1]):  # the last item is alone
        others = (labels == group) & (np.arange(9) != item)
        own = np.average(away[item, others], weights=weights[others])
        means = [np.average(away[item, labels == k], weights=weights[labels == k]) for k in range(4) if k != group]
        expected.append((min(means) - own) / max(min(means), own))
    assert silhouette(away, labels, weights) == pytest.approx(np.average([*expected, 0], weights=weights))
    assert silhouette(away, np.zeros(9, dtype=int), weights) == 0


def test_the_mask_holds_the_molecule_of_every_volume_and_little_else() -> None:
    volumes = np.stack([ball_at(-1), ball_at(1)])
    mask = molecule_mask(volumes)
    assert mask[volumes.max(axis=0) > 0.25].all()
    assert not mask[volumes.max(axis=0) < 0.002].any()


def test_impossible_numbers_are_refused() -> None:
    latent, _ = two_states(20)
    with pytest.raises(ArgumentError, match="three volumes"):
        volume_landscape(latent, k_means(latent, 2), volume)
    with pytest.raises(ArgumentError, match="1 to 5"):
        volume_landscape(latent, k_means(latent, 5), volume, 6)


def test_three_states_are_three_conformations_and_noise_is_none() -> None:
    random = np.random.default_rng(0)
    state = random.integers(0, 3, 300)
    latent = np.stack([8 * state + random.normal(size=300), random.normal(size=300)], axis=1)
    found = volume_landscape(latent, k_means(latent, 30), lambda place: ball_at(np.rint(place[0] / 8) - 1))
    assert sorted(found.counts()) == sorted(np.bincount(state))
    noise = random.normal(size=(300, 20))
    shapes = random.normal(size=(20, *ball_at(0).shape)).astype(np.float32)
    found = volume_landscape(noise, k_means(noise, 30), lambda place: ball_at(0) + 0.1 * np.tensordot(place, shapes, 1))
    assert found.separation < 0.25
    assert len(found.typical) == 2
