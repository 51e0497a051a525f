"""Positions of a chain's Cα atoms: bonds brought to their length, missing neighbours guessed, centres of mass."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from cryotools.anchors.paths import BOND
from cryotools.core.maps.rotations import spread_directions

_CIS = 3.3  # Å; shorter bonds are those of cis peptides, and are left
_ROUNDS, _PULL = 20, 0.1  # steps of the relaxation, and how strongly atoms are held where they were found
_DIRECTIONS = 200  # tried for a missing neighbour
_ANGLE = (-0.80, 0.20)  # cosines of the angles at a Cα: 143° to 78°
_TWICE = np.array([0.35, 0.7, 1.0])  # where along the bond the backbone is looked up

# mean centre of mass of residues in their frame (anchors.frames), Å, from Cα, in the order of AMINO_ACIDS: of 53,192
# residues of 150 crystal structures
CENTRES = np.array(
    [
        *[(0.42, -0.30, 0.16), (0.22, 0.47, 0.52), (0.21, 0.71, 0.57), (0.20, 1.13, 0.72), (0.12, 1.27, 0.54)],
        *[(0.46, -0.62, -0.01), (0.12, 1.07, 0.60), (0.22, 0.60, 0.53), (0.24, 1.27, 0.70), (0.22, 0.75, 0.41)],
        *[(0.19, 1.22, 0.60), (0.15, 0.69, 0.55), (-0.13, -0.11, 0.68), (0.17, 1.14, 0.66), (0.21, 1.77, 1.04)],
        *[(0.36, 0.01, 0.49), (0.26, 0.26, 0.55), (0.31, 0.28, 0.46), (0.20, 1.70, 0.56), (0.13, 1.53, 0.59)],
    ]
)


def relaxed(index: np.ndarray, paths: list[np.ndarray]) -> np.ndarray:
    """Positions (n, 3) in Å with the bonds of `paths` brought close to 3.8 Å, moved as little as possible; shorter than
    3.3 Å they are left, as in cis peptides.
    """
    bonds = np.concatenate([np.stack([path[:-1], path[1:]], axis=1) for path in paths]) if paths else None
    if bonds is None:
        return index
    moved = index.astype(np.float64).copy()
    trans = np.linalg.norm(moved[bonds[:, 0]] - moved[bonds[:, 1]], axis=1) > _CIS
    bonds = bonds[trans]
    for _ in range(_ROUNDS):
        apart = moved[bonds[:, 1]] - moved[bonds[:, 0]]
        length = np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-6)
        push = 0.25 * (length - BOND) * apart / length
        np.add.at(moved, bonds[:, 0], push)
        np.add.at(moved, bonds[:, 1], -push)
        moved += _PULL * (index - moved)
    return moved


def guessed_neighbours(here: np.ndarray, other: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The most likely position (n, 3) of the neighbour of Cα atoms at `here` (n, 3) whose other neighbour lies at
    `other` (n, 3): 3.8 Å away, at an angle that chains have, along the highest probability of backbone.

    Positions are voxels (x, y, z) of 1 Å; `path` is the backbone channel (nz, ny, nx). Where `other` is NaN, any
    direction is possible.
    """
    directions = spread_directions(_DIRECTIONS)
    back = other - here
    back /= np.maximum(np.linalg.norm(back, axis=1, keepdims=True), 1e-6)
    cosine = back @ directions.T
    allowed = ~np.isfinite(cosine) | ((cosine > _ANGLE[0]) & (cosine < _ANGLE[1]))
    places = here[:, None, None] + BOND * _TWICE[:, None] * directions[:, None]
    values = map_coordinates(path, places.reshape(-1, 3).T[::-1], order=1, output=np.float64)
    score = values.reshape(len(here), len(directions), len(_TWICE)).mean(axis=2)
    best = np.where(allowed, score, -1.0).argmax(axis=1)
    return here + BOND * directions[best]


def centres_of_mass(ca: np.ndarray, axes: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Expected centres of mass (n, 3) of residues with Cα at `ca` (n, 3), Å, frames `axes` (n, 3, 3) and probabilities
    `types` (n, 20).
    """
    return ca + np.einsum("nk,nkj->nj", types @ CENTRES, axes)
