"""Cα candidates of a map: local maxima of the trace network's output, with sub-voxel positions."""

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

LEAST = 0.15  # probability of a candidate
_FARTHEST = 1.5  # Å, of an offset along an axis
APART = 2.5  # Å between candidates; bonded Cα atoms are 2.9 Å (cis) to 3.8 Å apart


@dataclass(frozen=True)
class Candidates:
    """Possible Cα atoms, the most probable first.

    Attributes
    ----------
    index : float64 (n, 3), voxels (x, y, z) of the prepared map
    probability : float32 (n,)
    channels : float32 (n, 11), the trace network's output there, as in CHANNELS
    density : float32 (n,), of the prepared map
    """

    index: np.ndarray
    probability: np.ndarray
    channels: np.ndarray
    density: np.ndarray

    def __len__(self) -> int:
        return len(self.index)


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
    channels: np.ndarray, density: np.ndarray, least: float = LEAST, apart: float = APART
) -> Candidates:
    """The Cα atoms that the `channels` (11, nz, ny, nx) of a prepared map `density` suggest; see `find_peaks`."""
    index, voxel = find_peaks(channels[CA], least, apart, channels[OFFSET])
    at = tuple(voxel.T)
    values = channels[(slice(None), *at)].T
    return Candidates(index, values[:, CA], values, density[at].astype(np.float32))


def find_peaks(
    heat: np.ndarray, least: float, apart: float, offset: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Local maxima of at least `least` in `heat` (nz, ny, nx), the highest first, moved by the `offset` (3, nz, ny, nx)
    there; of two closer than `apart` voxels the lower is dropped.

    Returns
    -------
    Positions float64 (n, 3) in voxels (x, y, z), and the voxels int (n, 3), z, y, x, of the maxima.
    """
    voxel = np.argwhere((heat >= least) & (heat == maximum_filter(heat, 3)))
    voxel = voxel[np.argsort(-heat[tuple(voxel.T)], kind="stable")]
    index = voxel[:, ::-1].astype(np.float64)
    if offset is not None:
        moved = index + np.clip(offset[(slice(None), *voxel.T)].T, -_FARTHEST, _FARTHEST)
        index = np.clip(moved, 0, np.array(heat.shape[::-1]) - 1)
    kept = _far_apart(index, apart)
    return index[kept], voxel[kept]


def _far_apart(index: np.ndarray, apart: float) -> np.ndarray:
    """The points (k,) that remain if each, in order, drops all later ones closer than `apart`."""
    kept = np.ones(len(index), dtype=bool)
    if len(index):
        for first, second in sorted(map(tuple, cKDTree(index).query_pairs(apart, output_type="ndarray").tolist())):
            if kept[first]:
                kept[second] = False
    return np.flatnonzero(kept)
