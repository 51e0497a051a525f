"""Ways through the latent space: along principal components, and from particle to particle where particles are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from cryotools.core.errors import ArgumentError
from cryotools.heterogeneity.analysis.components import LatentComponents

FROM, TO = 5, 95  # percentiles of the particles between which a component is followed
_NEIGHBOURS = 10
_MOST = 50_000  # particles in the graph, drawn from all
_SAMPLE = 2_000  # particles of which the usual distance to the nearest one is taken
_RARE = 99  # percentile of that distance beyond which there are no particles


@dataclass(frozen=True)
class Traversal:
    """A way of m steps: `places` (m, q), and `particles` (m,) that lie there, -1 where no particle does."""

    places: np.ndarray
    particles: np.ndarray

    def __len__(self) -> int:
        return len(self.places)


def along_component(latent: np.ndarray, components: LatentComponents, number: int, steps: int) -> Traversal:
    """From the 5th to the 95th percentile of the particles' scores along component `number`, from 0, evenly in percent;
    the other components are 0, as in the mean. Where no particles are, the nearest particle is taken instead: the way
    does not lead through a hole.
    """
    at = np.percentile(components.scores[:, number], np.linspace(FROM, TO, steps))
    scores = np.zeros((steps, number + 1))
    scores[:, number] = at
    places = components.places(scores)
    tree = cKDTree(latent)
    some = latent[:: -(-len(latent) // _SAMPLE)]
    usual = np.percentile(tree.query(some, k=min(2, len(latent)))[0].reshape(len(some), -1)[:, -1], _RARE)
    away, nearest = tree.query(places)
    empty = away > max(usual, 1e-9 * np.abs(latent).max())
    return Traversal(np.where(empty[:, None], latent[nearest], places), np.where(empty, nearest, -1))


class LatentGraph:
    """Particles with edges to their nearest neighbours, so that shortest ways lead where particles are.

    The length of an edge is the square of the distance: many small steps are shorter than a large one. Parts without an
    edge between them are joined by the shortest ones possible. Of very many particles a random part is taken, and
    always those of `keep`.

    Parameters
    ----------
    latent : places (n, q)
    keep : particles from which and to which ways may be asked for
    """

    def __init__(self, latent: np.ndarray, keep: np.ndarray, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        some = random.choice(len(latent), min(_MOST, len(latent)), replace=False)
        self.particles = np.union1d(some, keep)
        self.latent = latent
        self.places = latent[self.particles]
        self.edges = _joined(self.places, _neighbours(self.places))

    def ends(self, among: np.ndarray) -> tuple[int, int]:
        """The two of the particles `among` with the longest shortest way between them."""
        at = self._nodes(among)
        lengths = dijkstra(self.edges, directed=False, indices=at)[:, at]
        first, last = np.unravel_index(lengths.argmax(), lengths.shape)
        return int(among[min(first, last)]), int(among[max(first, last)])

    def way(self, anchors: Sequence[int], steps: int) -> Traversal:
        """The shortest way from anchor to anchor, as at most `steps` particles at even distances along it.

        Raises
        ------
        ArgumentError
            There are fewer than two anchors, or fewer steps.
        """
        if len(anchors) < 2 or steps < 2:
            name, value = ("path", ",".join(map(str, anchors))) if len(anchors) < 2 else ("steps", steps)
            raise ArgumentError(name, value, "give two or more")
        nodes = self._nodes(np.array(anchors))
        passed = [int(nodes[0])]
        for begin, end in pairwise(nodes):
            _, before = dijkstra(self.edges, directed=False, indices=begin, return_predecessors=True)
            leg = [int(end)]
            while leg[-1] != begin:
                leg.append(int(before[leg[-1]]))
            passed += leg[-2::-1] if len(leg) > 1 else []
        along = np.zeros(len(passed))
        along[1:] = np.linalg.norm(np.diff(self.places[passed], axis=0), axis=1).cumsum()
        even = np.linspace(0, along[-1], steps)
        chosen = np.unique(np.abs(along[:, None] - even).argmin(axis=0))
        particles = self.particles[np.array(passed)[chosen]]
        return Traversal(self.latent[particles], particles)

    def _nodes(self, particles: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.particles, particles)


def _neighbours(places: np.ndarray) -> csr_array:
    """Squared distances (n, n) to the nearest neighbours."""
    k = min(_NEIGHBOURS + 1, len(places))
    away, other = cKDTree(places).query(places, k=k)
    away, other = away.reshape(len(places), -1), other.reshape(len(places), -1)
    return _edges(np.repeat(np.arange(len(places)), k), other.ravel(), away.ravel(), len(places))


def _edges(first: np.ndarray, second: np.ndarray, away: np.ndarray, count: int) -> csr_array:
    """A graph; places that coincide are joined, too, which takes a length above 0."""
    least = 1e-12 * max(away.max(initial=0.0) ** 2, 1e-300)
    apart = first != second
    lengths = np.maximum(away[apart] ** 2, least)
    return coo_array((lengths, (first[apart], second[apart])), shape=(count, count)).tocsr()


def _joined(places: np.ndarray, edges: csr_array) -> csr_array:
    """The graph with the shortest edges added that make it whole: in each round, from every part to the nearest."""
    while True:
        parts, part = connected_components(edges, directed=False)
        if parts == 1:
            return edges
        largest = np.bincount(part).argmax()
        for one in np.setdiff1d(np.arange(parts), largest):
            inside = np.flatnonzero(part == one)
            outside = np.flatnonzero(part != one)
            away, other = cKDTree(places[outside]).query(places[inside])
            at = away.argmin()
            edges = edges + _edges(inside[[at]], outside[other[[at]]], away[[at]], len(places))
