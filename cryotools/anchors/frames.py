"""A residue's own frame, from three consecutive Cα atoms, and the cube of density seen in it.

Seen in its frame, every residue has the chain running along the first axis and its side chain along the second, so a
network need not learn all orientations. A frame of a chain followed backwards is the right one turned by 180° around
the side chain.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

CUBE = 16  # voxels along an edge
STEP = 0.9  # Å
FORWARD = 2.2  # Å from Cα to the centre of the cube, towards the side chain
_LEAST = 1e-3  # Å


def frames(before: np.ndarray, here: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The axes (n, 3, 3) of residues whose preceding, own and following Cα are at these positions (n, 3): rows along
    the chain, towards the side chain (away from the chord between the neighbours), and perpendicular to both.

    Where the three lie on a line, the second axis is arbitrary.
    """
    along = _unit(after - before)
    away = here - (before + after) / 2
    away -= (away * along).sum(axis=1, keepdims=True) * along
    straight = np.linalg.norm(away, axis=1) < _LEAST
    if straight.any():
        any_axis = np.eye(3)[np.abs(along[straight]).argmin(axis=1)]
        away[straight] = np.cross(along[straight], any_axis)
    aside = _unit(away)
    return np.stack([along, aside, np.cross(along, aside)], axis=1)


def backwards(axes: np.ndarray) -> np.ndarray:
    """The frames (n, 3, 3) of the same residues if the chain runs in the other direction."""
    return axes * np.array([-1.0, 1.0, -1.0])[:, None]


def cubes(density: np.ndarray, index: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Density around Cα atoms, float32 (n, 1, 16, 16, 16), in their frames; 0 outside the map.

    Parameters
    ----------
    density : (nz, ny, nx), a prepared map (1 Å)
    index : (n, 3), the positions in voxels (x, y, z)
    axes : (n, 3, 3); the cube's last axis runs along the chain, the middle one towards the side chain
    """
    along = STEP * (np.arange(CUBE) - (CUBE - 1) / 2)
    local = np.stack(np.meshgrid(along, along + FORWARD, along, indexing="xy"), axis=-1)
    local = local.transpose(2, 0, 1, 3).reshape(-1, 3)  # (third, second, first) axis, each point (first, second, third)
    where = index[:, None] + local @ axes  # (n, voxels, 3)
    values = map_coordinates(density, where.reshape(-1, 3).T[::-1], order=1, output=np.float32)
    return values.reshape(-1, 1, CUBE, CUBE, CUBE)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _LEAST)
