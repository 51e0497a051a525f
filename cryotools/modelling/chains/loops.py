"""Cα atoms between two ends of a chain: a chosen number of residues along the density that joins them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cryotools.anchors.paths import BOND, bond_odds, fits_between

_DIRECTIONS = 160
_BEAM = 150
_REACH = 3.85  # Å per residue that a chain can span
_SLACK = 1.0  # Å
_CLASH = 3.4  # Å from Cα atoms that are there already
_DISTINCT = 0.7  # Å, between two beams' last atoms
_UNLIKELY = -0.6  # mean log-odds of the bonds of a loop, below which density does not join the ends


@dataclass(frozen=True)
class Loop:
    """Cα atoms `ca` (k, 3) between two ends, and the mean log-odds of the bonds along them."""

    ca: np.ndarray
    odds: float


def find_loop(
    ends: tuple[np.ndarray, np.ndarray],
    inner: tuple[np.ndarray, np.ndarray],
    count: int,
    path: np.ndarray,
    others: np.ndarray,
) -> Loop | None:
    """The most likely way of `count` residues between two `ends` (3,), by beam search; None if density does not join
    them.

    Positions are voxels (x, y, z) of 1 Å.

    Parameters
    ----------
    inner : the Cα atoms (3,) before the first end and after the second
    path : (nz, ny, nx), the backbone channel of the trace network
    others : (m, 3), Cα atoms that loops keep away from
    """
    start, goal = ends
    if np.linalg.norm(goal - start) > _REACH * (count + 1) + _SLACK:
        return None
    directions = BOND * _sphere(_DIRECTIONS)
    tree = cKDTree(others) if len(others) else None
    ways, total = np.stack([inner[0], start])[None], np.zeros(1)
    for left in range(count, 0, -1):
        places = ways[:, -1, None] + directions  # (beams, directions, 3)
        possible = fits_between(ways[:, -2, None], places)
        possible &= np.linalg.norm(places - goal, axis=2) <= _REACH * left + _SLACK
        beam, which = np.nonzero(possible)
        if not len(beam):
            return None
        place = places[beam, which]
        if tree is not None:
            free = tree.query(place)[0] >= _CLASH
            beam, place = beam[free], place[free]
        if ways.shape[1] > 2 and len(beam):
            free = np.linalg.norm(ways[beam, :-1] - place[:, None], axis=2).min(axis=1) >= _CLASH
            beam, place = beam[free], place[free]
        if not len(beam):
            return None
        value = total[beam] + bond_odds(ways[beam, -1], place, path)
        keep = _distinct(place, value)
        ways = np.concatenate([ways[beam[keep]], place[keep, None]], axis=1)
        total = value[keep]
    last = bond_odds(ways[:, -1], np.broadcast_to(goal, ways[:, -1].shape), path)
    fits = fits_between(ways[:, -2], goal[None]) & fits_between(ways[:, -1], inner[1][None])
    score = np.where(fits, total + last, -np.inf) / (count + 1)
    best = int(score.argmax())
    if score[best] < _UNLIKELY:
        return None
    return Loop(ways[best, 2:], float(score[best]))


def respaced(polyline: np.ndarray, count: int) -> np.ndarray:
    """`count` points (count, 3) at equal steps along a polyline (k, 3), without its ends."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(polyline, axis=0), axis=1))])
    at = length[-1] * np.arange(1, count + 1) / (count + 1)
    return np.stack([np.interp(at, length, polyline[:, axis]) for axis in range(3)], axis=1)


def _distinct(place: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The best of the beams that end at `place` (n, 3), at most `_BEAM` and not two at one place."""
    order = np.argsort(-value, kind="stable")[: 8 * _BEAM]
    cell = np.floor(place[order] / _DISTINCT).astype(np.int64)
    _, first = np.unique(cell, axis=0, return_index=True)
    return order[np.sort(first)][:_BEAM]


def _sphere(count: int) -> np.ndarray:
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    z = 1 - (2 * np.arange(count) + 1) / count
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
