"""Close gaps of one residue between the ends of paths.

Where density is weak, the votes for a Cα between two that are seen well are too few, and a chain falls into two paths.
A residue is put between two ends if backbone is probable along both of its bonds: at 3.8 Å from both, on the circle
around the line that joins them, where the odds are best.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from cryotools.anchors.paths import BOND, bond_odds, fits_between

SHORTEST, LONGEST = 4.4, 7.9  # Å between two ends with one residue missing between them
LEAST_ODDS = 0.0  # nats, of both bonds together: on eight experimental maps nine of ten of these residues are there
_CLASH = 2.6  # Å from any other residue of a path
_ANGLES = np.arange(24) * (2 * np.pi / 24)
_RADII = (0.4, 0.7, 1.0)  # × the circle's radius, since ends are not exactly placed


def close_gaps(
    index: np.ndarray, paths: Sequence[np.ndarray], path: np.ndarray, least: float = LEAST_ODDS
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Positions (k, 3) of residues to insert, the log-odds (k,) of their bonds, and the paths joined by them, the
    longest first; the inserted ones are numbered from n.

    Parameters
    ----------
    index : (n, 3), candidates, voxels (x, y, z) of 1 Å
    paths : arrays of candidates
    path : (nz, ny, nx), the backbone channel
    least : nats, the log-odds of the two new bonds together from which a gap is closed
    """
    ends, inner = _ends(paths)
    pairs = cKDTree(index[ends]).query_pairs(LONGEST, output_type="ndarray") if len(ends) > 1 else np.zeros((0, 2), int)
    of_path = np.repeat(np.arange(len(paths)), 2)
    pairs = pairs[of_path[pairs[:, 0]] != of_path[pairs[:, 1]]]
    pairs = pairs[np.linalg.norm(index[ends[pairs[:, 0]]] - index[ends[pairs[:, 1]]], axis=1) >= SHORTEST]
    if not len(pairs):
        return np.zeros((0, 3)), np.zeros(0), list(paths)
    linked = np.concatenate(list(paths))
    places, odds = _between(index, ends[pairs], inner[pairs], linked, path)
    chosen: list[int] = []
    joined = [list(one) for one in paths]
    where = {int(end): int(at) for at, end in zip(of_path, ends, strict=True)}
    for at in np.argsort(-odds):
        first, second = (int(ends[one]) for one in pairs[at])
        if odds[at] < least or where.get(first, -1) == where.get(second, -1) or not {first, second} <= where.keys():
            continue
        if chosen and np.linalg.norm(places[chosen] - places[at], axis=1).min() < _CLASH:
            continue
        _join(joined, where, first, second, len(index) + len(chosen))
        chosen.append(int(at))
    found = [np.array(one, dtype=np.int64) for one in joined if one]
    return places[chosen], odds[chosen], sorted(found, key=len, reverse=True)


def _ends(paths: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The candidates at both ends of each path (2 k,), and those next to them."""
    ends = [each for one in paths for each in (one[0], one[-1])]
    inner = [each for one in paths for each in (one[1], one[-2])]
    return np.array(ends, dtype=np.int64), np.array(inner, dtype=np.int64)


def _between(
    index: np.ndarray, ends: np.ndarray, inner: np.ndarray, linked: np.ndarray, path: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The best place (k, 3) of a residue between pairs of ends (k, 2), and the log-odds (k,) of its two bonds; minus
    infinity where it does not fit between its neighbours' neighbours `inner` (k, 2) or onto a path.
    """
    first, second = index[ends[:, 0]], index[ends[:, 1]]
    axis = second - first
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    axis = axis / length
    aside = np.cross(axis, np.eye(3)[np.abs(axis).argmin(axis=1)])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    radius = np.sqrt(np.maximum(BOND**2 - (length / 2) ** 2, 0.25))
    turned = np.cos(_ANGLES)[:, None, None] * aside + np.sin(_ANGLES)[:, None, None] * np.cross(axis, aside)
    trial = np.concatenate([(first + second) / 2 + scale * radius * turned for scale in _RADII])  # (trials, k, 3)
    odds = bond_odds(first, trial, path) + bond_odds(trial, second, path)
    fits = fits_between(index[inner[:, 0]], trial) & fits_between(trial, index[inner[:, 1]])
    near = cKDTree(index[linked]).query(trial.reshape(-1, 3))[0].reshape(odds.shape)
    odds = np.where(fits & (near >= _CLASH), odds, -np.inf)
    best, each = odds.argmax(axis=0), np.arange(len(ends))
    return trial[best, each], odds[best, each]


def _join(joined: list[list[int]], where: dict[int, int], first: int, second: int, between: int) -> None:
    """Join the paths that end in `first` and `second` by the residue `between`."""
    a, b = where.pop(first), where.pop(second)
    one, other = joined[a], joined[b]
    one = one if one[-1] == first else one[::-1]
    other = other if other[0] == second else other[::-1]
    joined[a], joined[b] = [*one, between, *other], []
    for end in (joined[a][0], joined[a][-1]):
        where[int(end)] = a
