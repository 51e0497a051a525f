"""Paths through Cα candidates: which two are bonded, decided for the whole map at once.

Each pair of candidates at a bond's distance gets the log-odds that it is one, from its length and the probability of
backbone along it. The paths are the set of bonds of the greatest sum in which no candidate has more than two and no two
meet at an angle that chains do not have: an integer linear programme, solved per connected component by HiGHS.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

BOND = 3.8  # Å between consecutive Cα atoms
NEAREST, FARTHEST = 2.6, 5.2  # Å, of a possible bond between candidates
_CLOSEST_SECOND, _FARTHEST_SECOND = 4.4, 7.9  # Å between a residue and the next but one, with room for errors
_ALONG = np.linspace(0.15, 0.85, 7)  # where the backbone's probability is looked up along a bond
# log-odds of a bond: of the squared deviation of its length (Å²), the mean and the least probability of backbone along
# it, the mean log-odds of its ends, and a constant; fitted on eight experimental maps
_WEIGHTS = (-1.95, 0.35, 8.17, 0.0, -1.25)
_SECONDS = 10.0  # of the programme per component
_DENSE = 2.0  # likely bonds per candidate; chains in maps have about 1, noise has many and is not worth the programme
_GAP = 1e-3


@dataclass(frozen=True)
class Bonds:
    """Pairs of candidates (k, 2) that may be bonded, and the log-odds (k,) that they are."""

    pairs: np.ndarray
    odds: np.ndarray


def possible_bonds(index: np.ndarray, probability: np.ndarray, path: np.ndarray) -> Bonds:
    """The possible bonds between candidates at `index` (n, 3), voxels (x, y, z) of 1 Å, of `probability` (n,), in a map
    whose backbone channel is `path` (nz, ny, nx).
    """
    features, pairs = bond_features(index, probability, path)
    return Bonds(pairs, features @ np.array(_WEIGHTS))


def bond_features(index: np.ndarray, probability: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the log-odds are calculated from (k, 5), and the pairs (k, 2)."""
    pairs = np.zeros((0, 2), dtype=np.int64)
    if len(index) > 1:
        pairs = cKDTree(index).query_pairs(FARTHEST, output_type="ndarray").astype(np.int64)
    length = np.linalg.norm(index[pairs[:, 0]] - index[pairs[:, 1]], axis=1)
    pairs, length = pairs[length >= NEAREST], length[length >= NEAREST]
    along = _along(index[pairs[:, 0]], index[pairs[:, 1]], path)
    p = np.clip(probability.astype(np.float64), 1e-3, 1 - 1e-3)
    odds = np.log(p / (1 - p))
    ends = (odds[pairs[:, 0]] + odds[pairs[:, 1]]) / 2
    least = along.min(axis=1) if len(pairs) else np.zeros(0)
    mean = along.mean(axis=1) if len(pairs) else np.zeros(0)
    return np.stack([(length - BOND) ** 2, mean, least, ends, np.ones(len(pairs))], axis=1), pairs


def bond_odds(first: np.ndarray, second: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The log-odds (…) of bonds between positions (…, 3), voxels (x, y, z) of 1 Å, as those of `possible_bonds`."""
    along = _along(first, second, path)
    length = np.linalg.norm(second - first, axis=-1)
    square, mean, least, _, constant = _WEIGHTS  # candidates' own odds have no weight
    return square * (length - BOND) ** 2 + mean * along.mean(axis=-1) + least * along.min(axis=-1) + constant


def fits_between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether a residue at positions (…, 3) can be the next but one to a residue at `other` (…, 3), in Å."""
    apart = np.linalg.norm(other - one, axis=-1)
    return (apart >= _CLOSEST_SECOND) & (apart <= _FARTHEST_SECOND)


def _along(first: np.ndarray, second: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The backbone channel at seven points (…, 7) on the lines between positions (…, 3)."""
    first, second = np.broadcast_arrays(first, second)
    points = first[..., None, :] + _ALONG[:, None] * (second - first)[..., None, :]
    values = map_coordinates(path, points.reshape(-1, 3).T[::-1], order=1, output=np.float64)
    return values.reshape(*first.shape[:-1], len(_ALONG))


def find_paths(index: np.ndarray, bonds: Bonds) -> list[np.ndarray]:
    """Paths through candidates at `index` (n, 3), Å, as arrays of at least two candidates, the longest first; each
    candidate lies on at most one, and their direction is arbitrary.
    """
    likely = bonds.odds > 0
    pairs, odds = bonds.pairs[likely], bonds.odds[likely]
    if not len(pairs):
        return []
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(index), len(index)))
    group = connected_components(graph, directed=False)[1][pairs[:, 0]]
    order = np.argsort(group, kind="stable")
    chosen = np.zeros(len(pairs), dtype=bool)
    for part in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        chosen[part] = _best_bonds(index, pairs[part], odds[part])
    return _as_paths(len(index), pairs[chosen], odds[chosen])


def _best_bonds(index: np.ndarray, pairs: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Mask (k,) of the bonds of one component that are taken."""
    first, second = _clashes(index, pairs)
    nodes, ends = np.unique(pairs, return_inverse=True)
    if len(pairs) > _DENSE * len(nodes):
        return _greedy(pairs, odds, first, second)
    ends = ends.reshape(-1, 2)
    columns = np.arange(len(pairs))
    rows = [np.concatenate([ends[:, 0], ends[:, 1]]), len(nodes) + np.tile(np.arange(len(first)), 2)]
    where = [np.tile(columns, 2), np.concatenate([first, second])]
    row, column = np.concatenate(rows), np.concatenate(where)
    matrix = coo_array((np.ones(len(row)), (row, column)), shape=(len(nodes) + len(first), len(pairs))).tocsc()
    most = np.concatenate([np.full(len(nodes), 2.0), np.ones(len(first))])
    found = milp(
        -odds,
        constraints=LinearConstraint(matrix, ub=most),
        bounds=Bounds(0, 1),
        integrality=np.ones(len(pairs)),
        options={"time_limit": _SECONDS, "mip_rel_gap": _GAP},
    )
    return found.x > 0.5 if found.x is not None else _greedy(pairs, odds, first, second)


def _clashes(index: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of bonds (two arrays (k,)) that share a candidate and would bring the outer two too close or too far."""
    ends = np.concatenate([pairs, pairs[:, ::-1]])  # (shared, other)
    bond = np.tile(np.arange(len(pairs)), 2)
    order = np.argsort(ends[:, 0], kind="stable")
    ends, bond = ends[order], bond[order]
    begin = np.concatenate([[0], np.flatnonzero(np.diff(ends[:, 0])) + 1, [len(ends)]])
    one, two = [], []
    for start, stop in itertools.pairwise(begin):
        a, b = np.triu_indices(stop - start, 1)
        one.append(a + start)
        two.append(b + start)
    at, other = np.concatenate(one), np.concatenate(two)
    bad = ~fits_between(index[ends[at, 1]], index[ends[other, 1]])
    return bond[at[bad]], bond[other[bad]]


def _greedy(pairs: np.ndarray, odds: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The bonds in the order of their odds, each taken unless it breaks a rule: if the programme gets nowhere."""
    taken, blocked = np.zeros(len(pairs), dtype=bool), np.zeros(len(pairs), dtype=bool)
    count: dict[int, int] = {}
    against: dict[int, list[int]] = {}
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        against.setdefault(a, []).append(b)
        against.setdefault(b, []).append(a)
    for at in np.argsort(-odds).tolist():
        ends = pairs[at].tolist()
        if blocked[at] or any(count.get(end, 0) == 2 for end in ends):
            continue
        taken[at] = True
        blocked[against.get(at, [])] = True
        for end in ends:
            count[end] = count.get(end, 0) + 1
    return taken


def _as_paths(count: int, pairs: np.ndarray, odds: np.ndarray) -> list[np.ndarray]:
    """Bonds, at most two per candidate, as paths; a ring is opened at its weakest bond."""
    neighbours: list[dict[int, float]] = [{} for _ in range(count)]
    for (a, b), value in zip(pairs.tolist(), odds.tolist(), strict=True):
        neighbours[a][b] = neighbours[b][a] = value
    seen, paths = np.zeros(count, dtype=bool), []
    ends = [at for at in range(count) if len(neighbours[at]) == 1]
    for start in [*ends, *(at for at in range(count) if len(neighbours[at]) == 2)]:
        if seen[start]:
            continue
        path, here = [start], start
        seen[start] = True
        while ahead := [one for one in neighbours[here] if not seen[one]]:
            here = ahead[0]
            seen[here] = True
            path.append(here)
        if len(path) > 2 and path[0] in neighbours[path[-1]]:  # a ring
            values = [neighbours[a][b] for a, b in zip(path, [*path[1:], path[0]], strict=True)]
            after = int(np.argmin(values)) + 1
            path = path[after:] + path[:after]
        paths.append(np.array(path))
    return sorted(paths, key=len, reverse=True)
