"""Principal components against numpy's covariance matrix; UMAP is only handed on."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from cryotools.heterogeneity.analysis.components import latent_components, umap_of


@pytest.mark.parametrize("count", [3, 500])  # fewer particles than dimensions, too
def test_components_are_the_eigenvectors_of_the_covariance_matrix(count: int) -> None:
    random = np.random.default_rng(0)
    latent = random.normal(size=(count, 5)) @ random.normal(size=(5, 5)) + 3
    found = latent_components(latent)
    variances, vectors = np.linalg.eigh(np.cov(latent.T))
    assert np.allclose(found.shares, variances[::-1] / variances.sum(), atol=1e-9)
    assert np.allclose(found.directions @ found.directions.T, np.eye(5))
    for number in range(min(count - 1, 5)):
        assert abs(found.directions[number] @ vectors[:, -1 - number]) == pytest.approx(1)
        assert found.directions[number, np.abs(found.directions[number]).argmax()] > 0


def test_scores_lead_back_to_places() -> None:
    latent = np.random.default_rng(1).normal(size=(50, 4))
    found = latent_components(latent)
    assert np.allclose(found.places(found.scores), latent)
    assert np.allclose(found.places(np.zeros((1, 2))), latent.mean(axis=0))


def test_equal_places_have_no_variance() -> None:
    found = latent_components(np.ones((4, 2)))
    assert np.array_equal(found.shares, [0, 0])
    assert np.allclose(found.scores, 0)


def test_umap_gets_the_places_and_no_more_neighbours_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    class Umap:
        def __init__(self, **settings: object) -> None:
            asked.update(settings)

        def fit_transform(self, latent: np.ndarray) -> np.ndarray:
            return latent[:, :2].astype(np.float32)

    module = ModuleType("umap")
    module.UMAP = Umap  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "umap", module)
    latent = np.random.default_rng(0).normal(size=(12, 3))
    assert np.allclose(umap_of(latent, seed=4), latent[:, :2])
    assert (asked["n_neighbors"], asked["random_state"], asked["init"]) == (11, 4, "random")
