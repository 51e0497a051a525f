"""Cα candidates of a map, by vote: each voxel that may be near a Cα says where it expects it.

Votes of neighbouring residues fall apart where the probability itself has run together: at 3.8 Å, two Cα atoms often
share one maximum of the probability. Places where votes meet are found among the votes themselves, so that memory
depends on the molecule and not on the box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from cryotools.anchors.network import CA, CHANNELS, OFFSET, Trace, Tracer
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.runner import Compute
from cryotools.core.compute.tiles import bounding_box
from cryotools.core.maps.prepare import stands_out
from cryotools.core.memory import check_grid_fits
from cryotools.core.progress import Progress
from cryotools.nn.conditions import resolution_conditions
from cryotools.nn.folded import folded

_VOTER = 0.06  # probability from which a voxel votes
_FARTHEST = 2.2  # Å, of a vote from its voxel
_SPREAD = 0.5  # Å, standard deviation of the kernel with which votes are added up
_PEAK, _MEAN = 1.0, 0.8  # Å, around a place that must be the best within, and over which votes are averaged
_WHOLE = 15.7  # sum of the targets around a Cα in training, Gaussians of 1 Å on voxels of 1 Å
LEAST = 0.02  # × `_WHOLE`, the votes of a candidate; paths sort out the rest
APART = 1.9  # Å between candidates; bonded Cα atoms are 2.9 Å (cis) to 3.8 Å apart


@dataclass(frozen=True)
class Candidates:
    """Possible Cα atoms, the most probable first.

    Attributes
    ----------
    index : float64 (n, 3), voxels (x, y, z) of the prepared map
    probability : float32 (n,), the votes as a fraction of those around a Cα that is seen clearly, at most 1
    channels : float32 (n, 11), the trace network's output there, as in CHANNELS
    density : float32 (n,), of the prepared map
    """

    index: np.ndarray
    probability: np.ndarray
    channels: np.ndarray
    density: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def extended(
        self, index: np.ndarray, probability: np.ndarray, channels: np.ndarray, density: np.ndarray
    ) -> Candidates:
        """With candidates at `index` (k, 3) of `probability` (k,) added, in a map `density` of these `channels`."""
        at = tuple(np.clip(np.rint(index), 0, np.array(density.shape[::-1]) - 1).astype(int).T[::-1])
        return Candidates(
            np.concatenate([self.index, index]),
            np.concatenate([self.probability, probability.astype(np.float32)]),
            np.concatenate([self.channels, channels[(slice(None), *at)].T]),
            np.concatenate([self.density, density[at].astype(np.float32)]),
        )


def trace_map(
    network: Trace,
    density: np.ndarray,
    resolution: float | None,
    compute: Compute | None = None,
    rotations: int = 1,
    progress: Progress | None = None,
) -> np.ndarray:
    """The channels of `Tracer`, float32 (11, nz, ny, nx), where density stands out; 0 elsewhere."""
    check_grid_fits(density.shape, copies=len(CHANNELS))
    worth = stands_out(density)
    box = bounding_box(worth)
    channels = np.zeros((len(CHANNELS), *density.shape), dtype=np.float32)
    if box is not None:
        told = folded(Tracer(network, torch.from_numpy(resolution_conditions(resolution))))
        part = np.ascontiguousarray(density[box][None])
        channels[(slice(None), *box)] = apply_network(
            told, part, worth[box], compute=compute, rotations=rotations, progress=progress
        )
    return channels


def find_candidates(
    channels: np.ndarray, density: np.ndarray, least: float = LEAST, apart: float = APART, voter: float = _VOTER
) -> Candidates:
    """The Cα atoms that the `channels` (11, nz, ny, nx) of a prepared map `density` suggest: places where at least the
    fraction `least` of the votes meet, from voxels of a probability of at least `voter`; of two closer than `apart`
    voxels the one with fewer votes is dropped.
    """
    voxel = np.argwhere(channels[CA] >= voter)
    weight = channels[CA][tuple(voxel.T)].astype(np.float64)
    offset = channels[(OFFSET, *voxel.T)].T
    near = np.linalg.norm(offset, axis=1) <= _FARTHEST
    votes, weight = voxel[near][:, ::-1] + offset[near].astype(np.float64), weight[near]
    place, sums = _meeting_places(votes, weight, apart)
    enough = sums >= least * _WHOLE
    index = np.clip(place[enough], 0, np.array(density.shape[::-1]) - 1)
    at = tuple(np.rint(index).astype(int).T[::-1])
    probability = np.minimum(sums[enough] / _WHOLE, 1).astype(np.float32)
    return Candidates(index, probability, channels[(slice(None), *at)].T, density[at].astype(np.float32))


def _meeting_places(votes: np.ndarray, weight: np.ndarray, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Where weighted votes (n, 3) meet: mean positions (k, 3), the most votes first, and the votes there (k,)."""
    if not len(votes):
        return votes, weight
    tree = cKDTree(votes)
    first, second = tree.query_pairs(3 * _SPREAD, output_type="ndarray").T
    squared = ((votes[first] - votes[second]) ** 2).sum(axis=1)
    kernel = np.exp(-squared / (2 * _SPREAD**2))
    sums = weight + np.bincount(first, kernel * weight[second], len(votes))
    sums += np.bincount(second, kernel * weight[first], len(votes))
    close = squared <= _PEAK**2
    best = np.zeros(len(votes))
    np.maximum.at(best, first[close], sums[second[close]])
    np.maximum.at(best, second[close], sums[first[close]])
    peak = np.flatnonzero(sums >= best)
    peak = peak[np.argsort(-sums[peak], kind="stable")]
    mean = np.empty((len(peak), 3))
    for row, members in enumerate(tree.query_ball_point(votes[peak], _MEAN)):
        mean[row] = np.average(votes[members], axis=0, weights=weight[members])
    kept = _far_apart(mean, apart)
    return mean[kept], sums[peak[kept]]


def find_peaks(heat: np.ndarray, least: float, apart: float) -> np.ndarray:
    """Voxels int (n, 3), z, y, x, of the local maxima of at least `least` in `heat` (nz, ny, nx), the highest first; of
    two closer than `apart` voxels the lower is dropped.
    """
    voxel = np.argwhere((heat >= least) & (heat == maximum_filter(heat, 3)))
    voxel = voxel[np.argsort(-heat[tuple(voxel.T)], kind="stable")]
    return voxel[_far_apart(voxel.astype(np.float64), apart)]


def _far_apart(index: np.ndarray, apart: float) -> np.ndarray:
    """The points (k,) that remain if each, in order, drops all later ones closer than `apart`."""
    kept = np.ones(len(index), dtype=bool)
    if len(index):
        for first, second in sorted(map(tuple, cKDTree(index).query_pairs(apart, output_type="ndarray").tolist())):
            if kept[first]:
                kept[second] = False
    return np.flatnonzero(kept)
