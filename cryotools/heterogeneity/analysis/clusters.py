"""Clusters of particles in the latent space, by k-means."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.cluster.vq import vq

from cryotools.core.errors import ArgumentError, CryotoolsNote, DataError

_STARTS, _ITERATIONS = 8, 100
_ORDERED = 200  # clusters; the best order of more takes long, and any order of the tree will do


@dataclass(frozen=True)
class Clusters:
    """Particles in k clusters, which are numbered so that neighbouring numbers are near each other.

    Attributes
    ----------
    labels : cluster (n,) of each particle, from 0
    centres : mean places (k, q)
    representatives : the particles (k,) of each cluster that are nearest to its centre
    """

    labels: np.ndarray
    centres: np.ndarray
    representatives: np.ndarray

    def __len__(self) -> int:
        return len(self.centres)

    def counts(self) -> np.ndarray:
        """Particles (k,) in each cluster."""
        return np.bincount(self.labels, minlength=len(self))


def k_means(latent: np.ndarray, k: int, seed: int = 0) -> Clusters:
    """Clusters of places `latent` (n, q): the best of several runs of Lloyd's algorithm from k-means++ starts.

    With fewer than `k` different places there are fewer clusters, which a note says.

    D. Arthur and S. Vassilvitskii, Proc. SODA 2007, 1027 (starts).

    Raises
    ------
    ArgumentError
        `k` is below 1.
    DataError
        There are no places, or some are not finite.
    """
    latent = np.asarray(latent, dtype=np.float64)
    if k < 1:
        raise ArgumentError("clusters", k, "give 1 or more")
    if not len(latent) or not np.isfinite(latent).all():
        raise DataError("the latent places are not all finite numbers" if len(latent) else "there are no particles")
    different = len(np.unique(latent, axis=0))
    if different < k:
        warnings.warn(f"{different} different places make {different} clusters, not {k}", CryotoolsNote, stacklevel=2)
        k = different
    random = np.random.default_rng(seed)
    runs = [_lloyd(latent, _start(latent, k, random)) for _ in range(_STARTS)]
    centres, _ = min(runs, key=lambda run: run[1])
    centres = centres[np.unique(vq(latent, centres)[0])]  # all of them, unless the iterations ended early
    centres = centres[_order(centres)]
    labels, distances = vq(latent, centres)
    by_distance = np.lexsort((distances, labels))
    _, first = np.unique(labels[by_distance], return_index=True)
    return Clusters(labels.astype(int), centres, by_distance[first])


def _start(latent: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """Places (k, q) of particles, drawn one after another with a chance that grows with the squared distance to the
    nearest one drawn before.
    """
    chosen = [latent[random.integers(len(latent))]]
    nearest = np.full(len(latent), np.inf)
    while len(chosen) < k:
        nearest = np.minimum(nearest, ((latent - chosen[-1]) ** 2).sum(axis=1))
        chosen.append(latent[random.choice(len(latent), p=nearest / nearest.sum())])
    return np.array(chosen)


def _lloyd(latent: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, float]:
    """Centres that are the means of the particles nearest to them, and the sum of squared distances."""
    before = np.inf
    for _ in range(_ITERATIONS):
        labels, distances = vq(latent, centres)
        total = float((distances**2).sum())
        counts = np.bincount(labels, minlength=len(centres))
        empty = np.flatnonzero(counts == 0)
        if total >= before * (1 - 1e-9) and not len(empty):
            break
        before = total
        sums = np.stack([np.bincount(labels, column, len(centres)) for column in latent.T], axis=1)
        centres = sums / np.maximum(counts, 1)[:, None]
        centres[empty] = latent[np.argsort(distances)[::-1][: len(empty)]]
    return centres, total


def _order(centres: np.ndarray) -> np.ndarray:
    """The order of the leaves of a tree of `centres` (k, q), neighbours beside each other."""
    if len(centres) < 3:
        return np.argsort(centres[:, 0])
    tree = linkage(centres, "average", optimal_ordering=len(centres) <= _ORDERED)
    order = leaves_list(tree)
    return order if centres[order[0], 0] <= centres[order[-1], 0] else order[::-1]
