"""Scores of the particles' places in the latent space: clusters, neighbours, a motion, junk."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cryotools.heterogeneity.analysis.clusters import k_means
from cryotools.heterogeneity.analysis.components import latent_components
from cryotools.heterogeneity.truth import JUNK, Truth
from cryotools.metrics.clusters import adjusted_mutual_information, adjusted_rand_index, matched_clusters
from cryotools.metrics.latent import NeighbourShare, distance_correlation, neighbours_of_same_state, neighbours_shared
from cryotools.metrics.ranks import circular_rank_correlation, rank_correlation, roc_area

_NEIGHBOURS = 50
_PLANES = 4  # principal components whose pairs may hold a circle


@dataclass(frozen=True)
class ClusterScores:
    """Of k-means against the states, junk left out: adjusted Rand index and mutual information, and the share of
    particles in the cluster that is matched to their state, beside that of the most common state.
    """

    clusters: int
    ari: float
    ami: float
    accuracy: float
    accuracy_baseline: float
    matched: dict[int, int]


@dataclass(frozen=True)
class MotionScores:
    """Of places along a motion of one dimension: Spearman's correlation with the best principal component, its number
    from 1 and the correlation of distances; for a motion that ends where it began the circular correlation with the
    angle in the best plane of two components, else NaN.
    """

    correlation: float
    component: int
    circular: float
    distances: float


@dataclass(frozen=True)
class PlaceScores:
    """Scores of the latent space; None or NaN where the truth has nothing to compare with.

    `neighbours` are those on the motion where there is one, else those of the same state. `junk` is the area below the
    ROC curve of the distance from the middle, in standard deviations of each principal component.
    """

    clusters: ClusterScores | None
    neighbours: NeighbourShare
    motion: MotionScores | None
    junk: float


def score_places(
    latent: np.ndarray, truth: Truth, *, clusters: int | None = None, cyclic: bool = False, seed: int = 0
) -> PlaceScores:
    """Scores of places `latent` (n, q) of all particles.

    Parameters
    ----------
    clusters : of k-means; None is the number of states. Junk is clustered with the rest, and then left out
    cyclic : the motion ends where it began
    """
    sound = truth.states != JUNK
    components = latent_components(latent).scores
    moving = sound & np.isfinite(truth.motion) if truth.motion is not None else np.zeros(len(truth), dtype=bool)
    motion = None
    if moving.sum() > 2:
        assert truth.motion is not None
        along = _on_circle(truth.motion[moving]) if cyclic else truth.motion[moving, None]
        motion = _motion(components[moving], truth.motion[moving], along, cyclic=cyclic, seed=seed)
        neighbours = neighbours_shared(latent[moving], along, _NEIGHBOURS, seed)
    else:
        neighbours = neighbours_of_same_state(latent[sound], truth.states[sound], _NEIGHBOURS, seed)
    spread = np.maximum(components.std(axis=0), np.finfo(np.float64).tiny)
    junk = roc_area(np.linalg.norm(components / spread, axis=1), ~sound)
    return PlaceScores(_clusters(latent, truth.states, clusters, seed), neighbours, motion, junk)


def _clusters(latent: np.ndarray, states: np.ndarray, wanted: int | None, seed: int) -> ClusterScores | None:
    sound = states != JUNK
    known, counts = np.unique(states[sound], return_counts=True)
    if len(known) < 2:
        return None
    labels = k_means(latent, wanted or len(known), seed).labels[sound]
    matched, accuracy = matched_clusters(states[sound], labels)
    return ClusterScores(
        clusters=wanted or len(known),
        ari=adjusted_rand_index(states[sound], labels),
        ami=adjusted_mutual_information(states[sound], labels),
        accuracy=accuracy,
        accuracy_baseline=float(counts.max() / counts.sum()),
        matched=matched,
    )


def _motion(components: np.ndarray, motion: np.ndarray, along: np.ndarray, *, cyclic: bool, seed: int) -> MotionScores:
    each = np.abs([rank_correlation(column, motion) for column in components.T])
    best = int(np.nan_to_num(each).argmax())
    circular = max(_angles_correlate(components, motion)) if cyclic else float("nan")
    return MotionScores(float(each[best]), best + 1, circular, distance_correlation(components, along, seed))


def _angles_correlate(components: np.ndarray, motion: np.ndarray) -> list[float]:
    """The circular correlation of the motion with angles in planes of two components, or with the order along one."""
    turn = 2 * np.pi * motion
    if components.shape[1] == 1:
        order = np.argsort(np.argsort(components[:, 0]))
        return [circular_rank_correlation(2 * np.pi * order / len(order), turn)]
    planes = combinations(components.T[:_PLANES], 2)
    return [circular_rank_correlation(np.arctan2(first, second), turn) for first, second in planes]


def _on_circle(motion: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(2 * np.pi * motion), np.sin(2 * np.pi * motion)], axis=1)
