"""Ways through latent spaces with a hole, and without."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import ArgumentError
from cryotools.heterogeneity.analysis.components import latent_components
from cryotools.heterogeneity.analysis.traversal import LatentGraph, along_component

RADIUS = 3.0


def ring(count: int = 600, gap: float = 0.0, seed: int = 0) -> np.ndarray:
    """Places on a noisy ring of radius 3, from angle 0 on, without its last `gap` radians."""
    random = np.random.default_rng(seed)
    angle = np.sort(random.uniform(0, 2 * np.pi - gap, count))
    return RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.1 * random.normal(size=(count, 2))


def test_a_way_goes_along_a_ring_and_not_across_its_hole() -> None:
    latent = ring()
    opposite = [int(latent[:, 0].argmax()), int(latent[:, 0].argmin())]
    found = LatentGraph(latent, np.array(opposite)).way(opposite, 15)
    assert (found.particles[0], found.particles[-1]) == tuple(opposite)
    assert np.array_equal(found.places, latent[found.particles])
    assert np.linalg.norm(found.places, axis=1).min() > 0.8 * RADIUS
    steps = np.linalg.norm(np.diff(found.places, axis=0), axis=1)
    assert steps.max() < 2 * np.median(steps)


def test_the_ends_of_an_open_ring_are_those_beside_its_gap() -> None:
    latent = ring(gap=1.0)
    graph = LatentGraph(latent, np.arange(0))
    assert graph.ends(np.arange(0, 600, 50)) == (0, 550)


def test_a_way_passes_its_anchors_in_their_order() -> None:
    latent = np.random.default_rng(0).uniform(size=(400, 2))
    found = LatentGraph(latent, np.array([7, 100, 33])).way([7, 100, 33], 400)
    places = [found.particles.tolist().index(anchor) for anchor in (7, 100, 33)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, len(found) - 1)


def test_separate_parts_are_joined_where_they_are_nearest() -> None:
    random = np.random.default_rng(0)
    latent = np.concatenate([random.normal((20 * part, 0, 0), size=(50, 3)) for part in range(4)])
    found = LatentGraph(latent, np.array([0, 199])).way([0, 199], 200)
    part = found.particles // 50
    assert np.array_equal(np.unique(part), [0, 1, 2, 3])
    assert np.array_equal(part, np.sort(part))


def test_of_many_particles_the_anchors_are_in_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryotools.heterogeneity.analysis.traversal._MOST", 50)
    latent = ring(1000)
    graph = LatentGraph(latent, np.array([3, 997]))
    assert len(graph.particles) in (50, 51, 52)
    assert graph.way([3, 997], 5).particles[[0, -1]].tolist() == [3, 997]


def test_places_that_coincide_are_no_obstacle() -> None:
    latent = np.repeat(np.arange(4.0)[:, None], 30, axis=0)
    found = LatentGraph(latent, np.array([0, 119])).way([0, 119], 4)
    assert found.places.ravel().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("anchors", "steps"), [([3], 5), ([3, 4], 1)])
def test_a_way_needs_two_ends_and_two_steps(anchors: list[int], steps: int) -> None:
    with pytest.raises(ArgumentError, match="two or more"):
        LatentGraph(ring(30), np.array(anchors)).way(anchors, steps)


def test_a_component_is_followed_between_the_percentiles() -> None:
    latent = np.random.default_rng(0).normal(size=(3000, 4)) * [5, 2, 1, 1] + 1
    components = latent_components(latent)
    found = along_component(latent, components, 1, 7)
    scores = (found.places - components.mean) @ components.directions.T
    assert np.allclose(np.delete(scores, 1, axis=1), 0)
    assert np.allclose(scores[:, 1], np.percentile(components.scores[:, 1], np.linspace(5, 95, 7)))
    assert (found.particles == -1).all()


def test_a_component_that_crosses_a_hole_is_followed_on_its_rim() -> None:
    latent = ring(2000)
    found = along_component(latent, latent_components(latent), 0, 9)
    assert (found.particles >= 0).sum() >= 7
    assert np.linalg.norm(found.places, axis=1).min() > 0.8 * RADIUS
