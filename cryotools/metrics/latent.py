"""Scores of a latent space against known states or a known motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cryotools.metrics.ranks import rank_correlation

_PAIRS = 100_000  # whose distances are compared
_QUERIES = 5000  # items whose neighbours are looked at
_TIED = 1 + 1e-9  # factor within which distances are equal


@dataclass(frozen=True)
class NeighbourShare:
    """The share of nearest neighbours that are true ones, and what it would be by chance."""

    share: float
    chance: float


def distance_correlation(latent: np.ndarray, truth: np.ndarray, seed: int = 0) -> float:
    """Spearman's correlation of the distances of random pairs of items in two spaces, (n, q) and (n, p)."""
    random = np.random.default_rng(seed)
    first, second = random.integers(len(latent), size=(2, _PAIRS))
    first, second = first[first != second], second[first != second]
    apart = [np.linalg.norm(space[first] - space[second], axis=1) for space in (latent, truth)]
    return rank_correlation(*apart) if len(first) else float("nan")


def neighbours_of_same_state(latent: np.ndarray, states: np.ndarray, k: int, seed: int = 0) -> NeighbourShare:
    """The share of the `k` nearest neighbours of items `latent` (n, q) that have the item's state (n,), and the share
    of its state among all others. Of a state of fewer than k + 1 items, only so many neighbours count.
    """
    _, state, sizes = np.unique(states, return_inverse=True, return_counts=True)
    others = sizes[state] - 1
    which = _some(np.flatnonzero(others), seed)
    if not len(which):
        return NeighbourShare(float("nan"), float("nan"))
    near = _nearest(latent, which, min(k, len(latent) - 1))
    counted = np.arange(near.shape[1]) < others[which, None]
    same = (state[near] == state[which, None]) & counted
    share = same.sum(axis=1) / counted.sum(axis=1)
    return NeighbourShare(float(share.mean()), float(others[which].mean() / (len(state) - 1)))


def neighbours_shared(latent: np.ndarray, truth: np.ndarray, k: int, seed: int = 0) -> NeighbourShare:
    """The share of the `k` nearest neighbours of items `latent` (n, q) that are no farther in the true space (n, p)
    than the k-th nearest there, and the share of all others that are.
    """
    which = _some(np.arange(len(latent)), seed)
    k = min(k, len(latent) - 1)
    if k < 1:
        return NeighbourShare(float("nan"), float("nan"))
    tree = _tree(truth)
    reach = tree.query(truth[which], [k + 1])[0][:, 0] * _TIED
    near = _nearest(latent, which, k)
    apart = np.linalg.norm(truth[near] - truth[which, None], axis=2)
    within = tree.query_ball_point(truth[which], reach, return_length=True) - 1
    return NeighbourShare(float((apart <= reach[:, None]).mean()), float(within.mean() / (len(latent) - 1)))


def _some(items: np.ndarray, seed: int) -> np.ndarray:
    if len(items) <= _QUERIES:
        return items
    return np.sort(np.random.default_rng(seed).choice(items, _QUERIES, replace=False))


def _nearest(space: np.ndarray, which: np.ndarray, k: int) -> np.ndarray:
    """The k nearest neighbours (m, k) of the items `which` (m,) among all others, the nearest first."""
    found = _tree(space).query(space[which], k + 1)[1].reshape(len(which), k + 1)
    itself = found == which[:, None]
    itself[~itself.any(axis=1), -1] = True  # one of many at the same place
    return found[~itself].reshape(len(which), k)


def _tree(space: np.ndarray) -> cKDTree:
    return cKDTree(space, balanced_tree=False)  # which is slow if many items are at the same place
