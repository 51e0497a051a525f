"""Everything that a chain may step on: Cα candidates, likely and less likely, possible bonds, and what each residue
would look like between any two of its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import log_softmax, softmax

from cryotools.anchors.candidates import find_candidates
from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.frames import frames
from cryotools.anchors.network import NONE, PATH
from cryotools.anchors.paths import bond_odds, fits_between, possible_bonds
from cryotools.anchors.placement import log_odds_of_types
from cryotools.anchors.predict import AnchorDetector, TracedMap
from cryotools.anchors.types import types_in_frames

_VOTER, _LEAST, _APART = 0.03, 0.01, 1.9  # of candidates that paths are not made of
_ODDS = -3.0  # log-odds from which two candidates may be bonded
_WRONG = np.log(3.0)  # of frames in training, three are right for one that is wrong


@dataclass(frozen=True)
class Lattice:
    """Places and steps, in voxels (x, y, z) of the prepared map (1 Å).

    Attributes
    ----------
    index : float64 (n, 3), places; the first are the residues detected
    steps : int (m, 2), from one place to another, each bond in both directions
    odds : float64 (m,), log-odds that the two are bonded
    turns : int (t, 2), pairs of steps that follow each other
    types : float64 (t, 21), log-odds of AMINO_ACIDS and of an unknown one at the place between the two
    support : float64 (t,), nats in favour of a residue that looks like one seen in this frame
    """

    index: np.ndarray
    steps: np.ndarray
    odds: np.ndarray
    turns: np.ndarray
    types: np.ndarray
    support: np.ndarray

    def find_turns(self, places: np.ndarray) -> np.ndarray:
        """The numbers (k,) of the turns through triples of `places` (k, 3); -1 where there is none."""
        count = len(self.index)
        first, last = self.steps[self.turns[:, 0]].astype(np.int64), self.steps[self.turns[:, 1], 1]
        key = (first[:, 0] * count + first[:, 1]) * count + last
        order = np.argsort(key)
        wanted = (places[:, 0].astype(np.int64) * count + places[:, 1]) * count + places[:, 2]
        at = np.minimum(np.searchsorted(key[order], wanted), max(len(key) - 1, 0))
        found = order[at] if len(key) else np.zeros(0, dtype=int)
        return np.where(key[found] == wanted, found, -1) if len(key) else np.full(len(places), -1)


def build_lattice(
    detector: AnchorDetector, traced: TracedMap, residues: DetectedResidues, background: np.ndarray
) -> Lattice:
    """The lattice of a map in which `residues` are detected, whose types have the mean probabilities `background` (20,)
    where nothing is known of sequences.
    """
    path, density = traced.channels[PATH], traced.prepared.volume.data
    index = traced.prepared.volume.grid.world_to_index(residues.ca)
    more = find_candidates(traced.channels, density, _LEAST, _APART, _VOTER).index
    if len(index) and len(more):
        more = more[cKDTree(index).query(more)[0] >= _APART]
    index = np.concatenate([index, more])
    steps, odds = _steps(index, residues, path)
    turns = turns_of(index, steps)
    first, last = steps[turns[:, 0]], steps[turns[:, 1]]
    axes = frames(index[first[:, 0]], index[first[:, 1]], index[last[:, 1]])
    logits = types_in_frames(detector.types, density, index[first[:, 1]], axes, traced.resolution, detector.compute)
    types = softmax(logits[:, :NONE] / detector.types.config.temperature, axis=1)
    wrong = log_softmax(logits.astype(np.float64), axis=1)[:, NONE]
    support = np.log1p(-np.minimum(np.exp(wrong), 1 - 1e-6)) - wrong - _WRONG
    return Lattice(index, steps, odds, turns, log_odds_of_types(types, background)[:, :-1], support)


def _steps(index: np.ndarray, residues: DetectedResidues, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps (m, 2) and their log-odds (m,): likely bonds, and all those along paths."""
    bonds = possible_bonds(index, np.full(len(index), 0.5), path)
    likely = bonds.odds >= _ODDS
    pairs, odds = np.sort(bonds.pairs[likely], axis=1), bonds.odds[likely]
    one = np.flatnonzero(residues.after >= 0)
    along = np.sort(np.stack([one, residues.after[one]], axis=1), axis=1)
    known = set(map(tuple, pairs.tolist()))
    lacking = np.array([pair for pair in along.tolist() if tuple(pair) not in known], dtype=int).reshape(-1, 2)
    pairs = np.concatenate([pairs, lacking])
    odds = np.concatenate([odds, np.maximum(bond_odds(index[lacking[:, 0]], index[lacking[:, 1]], path), _ODDS)])
    return np.concatenate([pairs, pairs[:, ::-1]]), np.tile(odds, 2)


def turns_of(index: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Pairs of steps (t, 2) of which the second begins where the first ends, at an angle that chains have."""
    order = np.argsort(steps[:, 0], kind="stable")
    begin = np.searchsorted(steps[order, 0], np.arange(len(index) + 1))
    count = np.diff(begin)[steps[:, 1]]
    first = np.repeat(np.arange(len(steps)), count)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count)
    second = order[begin[steps[first, 1]] + offset]
    fits = fits_between(index[steps[first, 0]], index[steps[second, 1]])
    return np.stack([first[fits], second[fits]], axis=1)
