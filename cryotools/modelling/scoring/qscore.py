"""Q-score: how much the density around an atom looks like the Gaussian of a well-resolved one.

G. Pintilie et al., Nat. Methods 17, 328 (2020): at points in shells of 0 to 2 Å around an atom, nearer to it than to
any other, the map's values are correlated (about their means) with a Gaussian of 0.6 Å. 1 is a perfect likeness, 0
noise.
"""

from __future__ import annotations

import numpy as np

from cryotools.core.maps.rotations import spread_directions
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import NoProgress, Progress

SIGMA = 0.6  # Å, of the reference
FARTHEST, STEP = 2.0, 0.1  # Å: the outermost shell, and between shells
_DIRECTIONS = 40  # points of a shell before those nearer to another atom are left out
_BATCH = 2000  # atoms at a time
_FEWEST = 8 / 106  # of a shell's points that must be an atom's own, else the shell is left out
_NEARER = 0.9  # of a point's distance from its atom, within which another atom takes it, as in the authors' program
_FREE = 1 - _NEARER**2
_NEIGHBOURS = 2 * FARTHEST  # Å; atoms farther apart share no point


def q_scores(volume: Volume, xyz: np.ndarray, sigma: float = SIGMA, progress: Progress | None = None) -> np.ndarray:
    """The Q-scores (n,) of atoms at `xyz` (n, 3), Å, in a map; NaN for those whose surroundings leave it, 0
    where it is constant.

    All atoms given count as neighbours: give the heavy atoms of the model without alternate locations. `sigma` in Å is
    that of the reference; EMDB's reports have 0.4. Each shell has the same weight, however many of its points are left,
    and none if hardly any is: where the authors' program would find fewer than eight.
    """
    progress = progress or NoProgress()
    rays, radii = spread_directions(_DIRECTIONS), np.arange(STEP, FARTHEST + STEP / 2, STEP)
    reach = _own_distance(xyz, rays)
    inside = volume.grid.contains(xyz - FARTHEST) & volume.grid.contains(xyz + FARTHEST)
    found = np.full(len(xyz), np.nan)
    at = np.flatnonzero(inside)
    progress.start(len(at), "atoms")
    for begin in range(0, len(at), _BATCH):
        some = at[begin : begin + _BATCH]
        found[some] = _correlations(volume, xyz[some], rays, radii, reach[some], sigma)
        progress.advance(len(some))
    return found


def _correlations(
    volume: Volume, xyz: np.ndarray, rays: np.ndarray, radii: np.ndarray, reach: np.ndarray, sigma: float
) -> np.ndarray:
    """Q-scores (n,) of atoms (n, 3) with their own points along rays (k, 3) up to `reach` (n, k)."""
    points = xyz[:, None, None] + radii[:, None, None] * rays
    values = volume.sample(points.reshape(-1, 3)).reshape(len(xyz), len(radii), len(rays)).astype(np.float64)
    centre = volume.sample(xyz).astype(np.float64)
    own = (radii[:, None] <= reach[:, None]).astype(np.float64)
    count = own.sum(axis=2)
    weight = np.divide(own, count[:, :, None], out=np.zeros_like(own), where=count[:, :, None] >= _FEWEST * len(rays))
    values = np.concatenate([centre[:, None], values.reshape(len(xyz), -1)], axis=1)
    weight = np.concatenate([np.ones((len(xyz), 1)), weight.reshape(len(xyz), -1)], axis=1)
    ideal = np.exp(-0.5 * (np.append(0.0, np.repeat(radii, len(rays))) / sigma) ** 2)
    return _weighted_pearson(values, np.broadcast_to(ideal, values.shape), weight)


def _weighted_pearson(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pearson's correlations (n,) of rows (n, k) with weights (n, k); 0 where one is constant."""
    total = weight.sum(axis=1, keepdims=True)
    a, b = (each - (weight * each).sum(axis=1, keepdims=True) / total for each in (a, b))
    product, first, second = ((weight * x * y).sum(axis=1) for x, y in ((a, b), (a, a), (b, b)))
    norm = np.sqrt(first * second)
    return np.divide(product, norm, out=np.zeros(len(a)), where=norm > 1e-9 * np.maximum(second, 1e-9))


def _own_distance(xyz: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """How far along each ray (k, 3) from each atom (n, 3) points are that atom's own, Å (n, k).

    Another atom at distance d, at an angle t to the ray, takes a point at distance r if it is nearer to it than 0.9 r:
    from d (cos t - sqrt(cos² t - 0.19)) / 0.19 on, and none if cos² t < 0.19.
    """
    from scipy.spatial import cKDTree

    reach = np.full((len(xyz), len(rays)), np.inf)
    pairs = cKDTree(xyz).query_pairs(_NEIGHBOURS, output_type="ndarray") if len(xyz) else np.zeros((0, 2), dtype=int)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    for begin in range(0, len(both), 100_000):
        one, other = both[begin : begin + 100_000].T
        apart = xyz[other] - xyz[one]
        along = apart @ rays.T
        square = np.einsum("ni,ni->n", apart, apart)[:, None]
        inside = along**2 - _FREE * square
        nearest = (along - np.sqrt(np.maximum(inside, 0))) / _FREE
        limit = np.where((inside > 0) & (along > 0), nearest, np.inf)
        np.minimum.at(reach, one, limit)
    return reach
