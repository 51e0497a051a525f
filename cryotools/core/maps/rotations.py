"""Cut cubes from volumes, apply the 24 rotations of a cube, and spread directions over a sphere."""

from __future__ import annotations

import itertools

import numpy as np

ROTATIONS = [
    (axes, flips)
    for axes in itertools.permutations(range(3))
    for flips in itertools.product((1, -1), repeat=3)
    if np.isclose(np.linalg.det(np.eye(3)[list(axes)] * np.array(flips)[:, None]), 1)
]

# rotations over which a network's outputs are averaged; each of the four takes every axis to another direction, and any
# two are at least 120° apart
ROTATION_SETS = {1: (0,), 4: (0, 6, 8, 21), 24: tuple(range(24))}


def rotate(volume: np.ndarray, number: int) -> np.ndarray:
    """`volume` (..., z, y, x) rotated by rotation `number` (0 to 23); 0 is the identity."""
    axes, flips = ROTATIONS[number]
    lead = volume.ndim - 3
    turned = volume.transpose(*range(lead), *(lead + axis for axis in axes))
    where = [slice(None)] * lead + [slice(None, None, flip) for flip in flips]
    return turned[tuple(where)]


def cut(volume: np.ndarray, start: np.ndarray, size: int) -> np.ndarray:
    """The cube of `size` voxels from `start` (z, y, x) of `volume` (..., z, y, x), zero-padded outside it."""
    cube = np.zeros((*volume.shape[:-3], size, size, size), dtype=volume.dtype)
    low, high = np.maximum(start, 0), np.minimum(np.asarray(start) + size, volume.shape[-3:])
    if np.any(high <= low):
        return cube
    lead = (slice(None),) * (volume.ndim - 3)
    there = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
    here = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    cube[(*lead, *there)] = volume[(*lead, *here)]
    return cube


def start_around(random: np.random.Generator, index: np.ndarray, size: int) -> np.ndarray:
    """The first voxel of a random cube that has one of the voxels `index` (n, 3) anywhere in its middle half."""
    centre = index[random.integers(len(index))]
    return np.rint(centre - size / 2 + random.uniform(-size / 4, size / 4, 3)).astype(int)


def spread_directions(count: int) -> np.ndarray:
    """Unit vectors (count, 3) spread evenly over the sphere (Fibonacci's lattice)."""
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    z = 1 - (2 * np.arange(count) + 1) / count
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
