"""From candidates to chains: paths, gaps closed between them, and each residue's neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import expit

from cryotools.anchors.candidates import Candidates
from cryotools.anchors.gaps import close_gaps
from cryotools.anchors.geometry import guessed_neighbours, relaxed
from cryotools.anchors.network import PATH
from cryotools.anchors.paths import find_paths, possible_bonds

_DISTINCT = 2.7  # Å; two Cα atoms are no closer


@dataclass(frozen=True)
class Chain:
    """Residues in path order with their neighbours, before types are known: positions in voxels (x, y, z).

    Attributes
    ----------
    candidate : int (n,), the candidate of each residue
    here, previous, following : float64 (n, 3); guessed where there is no neighbour
    before, after : int32 (n,), -1 where there is no neighbour
    path : int32 (n,), -1 for isolated residues
    """

    candidate: np.ndarray
    here: np.ndarray
    previous: np.ndarray
    following: np.ndarray
    before: np.ndarray
    after: np.ndarray
    path: np.ndarray


def trace_chain(candidates: Candidates, channels: np.ndarray, density: np.ndarray) -> tuple[Candidates, Chain]:
    """Paths through the candidates, longest first, then the isolated ones; and the candidates, with those added that
    close gaps between paths. `channels` (11, nz, ny, nx) are the trace network's, `density` is the prepared map.

    Candidates on no path that lie closer to one than Cα atoms do are dropped.
    """
    path = channels[PATH]
    bonds = possible_bonds(candidates.index, candidates.probability, path)
    between, odds, paths = close_gaps(candidates.index, find_paths(candidates.index, bonds), path)
    candidates = candidates.extended(between, expit(odds), channels, density)
    return candidates, _in_chain_order(candidates, paths, path)


def _in_chain_order(candidates: Candidates, paths: list[np.ndarray], path: np.ndarray) -> Chain:
    index = relaxed(candidates.index, paths)
    linked = np.concatenate([*paths, np.zeros(0, dtype=np.int64)]).astype(np.int64)
    order = np.concatenate([linked, _alone(index, linked)])
    number = np.full(len(order), -1, dtype=np.int32)
    bonded = np.zeros(len(order), dtype=bool)  # to the next
    begin = 0
    for which, one in enumerate(paths):
        number[begin : begin + len(one)] = which
        bonded[begin : begin + len(one) - 1] = True
        begin += len(one)
    each = np.arange(len(order))
    after = np.where(bonded, each + 1, -1)
    before = np.where(np.append(False, bonded[:-1])[: len(order)], each - 1, -1)
    here = index[order]
    nowhere = np.full_like(here, np.nan)
    previous = np.where(before[:, None] >= 0, here[before], nowhere)
    following = np.where(after[:, None] >= 0, here[after], nowhere)
    for missing, other in ((following, previous), (previous, following)):
        lacking = np.isnan(missing[:, 0])
        missing[lacking] = guessed_neighbours(here[lacking], other[lacking], path)
    return Chain(order, here, previous, following, before.astype(np.int32), after.astype(np.int32), number)


def _alone(index: np.ndarray, linked: np.ndarray) -> np.ndarray:
    """The candidates (k,) at `index` (n, 3) on no path, without those too close to one of the `linked` ones (m,)."""
    alone = np.setdiff1d(np.arange(len(index)), linked)
    if len(alone) and len(linked):
        alone = alone[cKDTree(index[linked]).query(index[alone])[0] >= _DISTINCT]
    return alone
