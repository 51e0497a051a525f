"""What lies between and beyond the stretches of chains: walks of the sequence's letters over the lattice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import expit, logit

from cryotools.modelling.chains.lattice import Lattice
from cryotools.modelling.chains.stretches import SLACK, SPAN, Stretch
from cryotools.modelling.chains.walks import Costs, find_walk

_TAIL = 60  # letters beyond the ends of a chain that are tried
_TRIED, _SURE = 0.3, 0.5  # probability of a place, and confidence from which it is taken
_CLASH = 2.5  # Å between Cα atoms of different residues, with room for errors
_LOOSE = 3  # residues at the ends of a gap that are taken back if a chain cannot span it
_SHORTEST = 3  # residues, of pieces that do not go on from placed ones
# of the log-odds that a residue is right: a constant, the log-odds of its probability, whether its piece goes on from a
# stretch, and the log-odds of types of the piece within four letters; fitted on thirteen maps with equal weight
_WEIGHTS, _WINDOW = (-2.14, 0.62, 1.03, 0.25), 4


@dataclass
class Threaded:
    """A chain on its sequence.

    Attributes
    ----------
    sequence : its name
    letters : int (length,), rows of AMINO_ACIDS, 20 for unknown ones
    place : int (length,), in the lattice; -1 where there is none
    confidence : float64 (length,), of what walks placed; NaN elsewhere
    """

    sequence: str
    letters: np.ndarray
    place: np.ndarray
    confidence: np.ndarray


def threaded(
    groups: Sequence[Sequence[Stretch]],
    letters: Mapping[str, np.ndarray],
    lattice: Lattice,
    costs: Costs | None = None,
) -> list[Threaded]:
    """The chains of stretches (`groups`) with the residues that walks put between and beyond them, small gaps first.

    Parameters
    ----------
    letters : int (length,) by the names of sequences, rows of AMINO_ACIDS, 20 for unknown ones
    """
    free = np.ones(len(lattice.index), dtype=bool)
    tree = cKDTree(lattice.index)
    chains = []
    for group in groups:
        of_sequence = letters[group[0].sequence]
        place = np.full(len(of_sequence), -1)
        for one in group:
            place[one.position] = one.residue
        _occupy(free, tree, place)
        chains.append(Threaded(group[0].sequence, of_sequence, place, np.full(len(place), np.nan)))
    both = lattice, replace(lattice, steps=lattice.steps[:, ::-1], turns=lattice.turns[:, ::-1])
    gaps = [(end - begin, number, begin, end) for number, chain in enumerate(chains) for begin, end in _gaps(chain)]
    for _, number, begin, end in sorted(gaps):
        chain = chains[number]
        at, place, probability = _walked(chain, begin, end, both, free, costs or Costs())
        keep = (place >= 0) & (probability >= _TRIED) & _first_uses(place, probability)
        chain.place[at[keep]] = place[keep]
        _judge(chain, at[keep], probability[keep], lattice)
        _occupy(free, tree, chain.place[at])
    for chain in chains:
        _drop_unreachable(chain, lattice)
    return chains


def _drop_unreachable(chain: Threaded, lattice: Lattice) -> None:
    """Take the places from the residues at both ends of a gap that no chain can span, as few as that takes."""
    for begin, end in [part for part in _runs(chain.place < 0) if part[0] > 0 and part[1] < len(chain.place)]:
        for cut in range(_LOOSE + 1):
            if (
                begin - 1 - cut < 0
                or end + cut >= len(chain.place)
                or chain.place[[begin - 1 - cut, end + cut]].min() < 0
            ):
                break
            one, other = lattice.index[chain.place[[begin - 1 - cut, end + cut]]]
            if np.linalg.norm(other - one) <= SPAN * (end - begin + 1 + 2 * cut) + SLACK:
                chain.place[begin - cut : end + cut], chain.confidence[begin - cut : end + cut] = -1, np.nan
                break


def _occupy(free: np.ndarray, tree: cKDTree, place: np.ndarray) -> None:
    """Mark the places (k,) and those too close to them as taken."""
    for near in tree.query_ball_point(tree.data[place[place >= 0]], _CLASH):
        free[near] = False


def _first_uses(place: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Whether no letter is at the same place (k,) with a higher probability (k,)."""
    order = np.argsort(-probability, kind="stable")
    _, first = np.unique(place[order], return_index=True)
    found = np.zeros(len(place), dtype=bool)
    found[order[first]] = True
    return found


def _gaps(chain: Threaded) -> list[tuple[int, int]]:
    """The letters without a place: first and one past the last; none if no letter has a place."""
    return [part for part in _runs(chain.place < 0) if part != (0, len(chain.place))]


def _walked(
    chain: Threaded, begin: int, end: int, both: tuple[Lattice, Lattice], free: np.ndarray, costs: Costs
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Letters (k,) of a gap, their places (k,) and the probabilities (k,) of these."""
    place, letters = chain.place, chain.letters
    if begin == 0:  # from the first stretch back to the start
        at = np.arange(max(end - _TAIL, 0), end)[::-1]
        walk = find_walk(both[1], letters[[end, *at]], (place[end + 1], place[end]), None, free, costs)
    elif end == len(place):
        at = np.arange(begin, min(begin + _TAIL, end))
        walk = find_walk(both[0], letters[[begin - 1, *at]], (place[begin - 2], place[begin - 1]), None, free, costs)
    else:
        at = np.arange(begin, end)
        ends = (place[begin - 2], place[begin - 1]), (place[end], place[end + 1])
        walk = find_walk(both[0], letters[begin - 1 : end + 1], *ends, free, costs)
    return at, walk.place, walk.probability


def _judge(chain: Threaded, at: np.ndarray, probability: np.ndarray, lattice: Lattice) -> None:
    """Give the letters `at` (k,) confidences, and take their places from those that are unlikely."""
    found = np.full(len(chain.place), np.nan)
    found[at] = probability
    seen = _seen(chain, lattice)
    for begin, end in _runs(chain.place >= 0):
        new = begin + np.flatnonzero(np.isfinite(found[begin:end]))
        if not len(new):
            continue
        attached = float(np.isnan(found[begin:end]).any())
        total = np.concatenate([[0.0], np.cumsum(seen[begin:end])])
        low, high = np.maximum(new - begin - _WINDOW, 0), np.minimum(new - begin + _WINDOW + 1, end - begin)
        odds = logit(np.clip(found[new], 1e-3, 1 - 1e-3))
        constant, surely, onward, types = _WEIGHTS
        chain.confidence[new] = expit(constant + surely * odds + onward * attached + types * (total[high] - total[low]))
    unsure = at[~(chain.confidence[at] >= _SURE)]
    chain.place[unsure], chain.confidence[unsure] = -1, np.nan
    for begin, end in _runs(chain.place >= 0):
        if end - begin < _SHORTEST and np.isin(np.arange(begin, end), at).all():
            chain.place[begin:end], chain.confidence[begin:end] = -1, np.nan


def _seen(chain: Threaded, lattice: Lattice) -> np.ndarray:
    """The log-odds (length,) of each letter's type at its place; 0 where one of three in sequence has no place."""
    seen = np.zeros(len(chain.place))
    three = np.stack([chain.place[:-2], chain.place[1:-1], chain.place[2:]], axis=1)
    there = np.flatnonzero((three >= 0).all(axis=1))
    turn = lattice.find_turns(three[there])
    there, turn = there[turn >= 0], turn[turn >= 0]
    seen[there + 1] = lattice.types[turn, chain.letters[there + 1]]
    return seen


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last of the runs of True."""
    edge = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edge[::2], edge[1::2], strict=True)]
