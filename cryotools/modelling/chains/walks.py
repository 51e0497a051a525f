"""Walks of a chain of known letters over a lattice, from one end of it or between two: a hidden Markov model.

The state is the last step; a walk may break off and go on elsewhere, at a cost. The most probable walk is Viterbi's,
and forward and backward sums tell how probable each of its residues is (L. R. Rabiner, Proc. IEEE 77, 257, 1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cryotools.modelling.chains.lattice import Lattice
from cryotools.modelling.chains.stretches import SLACK, SPAN


@dataclass(frozen=True)
class Costs:
    """Nats of what walks do.

    Attributes
    ----------
    opened : for going on after letters are left out
    missing, tail : for each letter left out, between two ends and beyond one
    bond, type, frame : factors of the log-odds of bonds, letters and frames
    """

    opened: float = 1.0
    missing: float = 1.0
    tail: float = 0.5
    bond: float = 0.6
    type: float = 1.0
    frame: float = 0.25


@dataclass(frozen=True)
class Walk:
    """Where letters lie: `place` int (k,), -1 for those left out, and the probability (k,) of each place."""

    place: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True)
class _Moves:
    """What is possible between two letters: from and to a state, both (q,), at so many nats (q,)."""

    first: np.ndarray
    second: np.ndarray
    nats: np.ndarray


def find_walk(
    lattice: Lattice,
    letters: np.ndarray,
    before: tuple[int, int],
    after: tuple[int, int] | None,
    free: np.ndarray,
    costs: Costs | None = None,
) -> Walk:
    """The most probable walk of the letters that follow an end.

    Parameters
    ----------
    letters : int (k + 1,) or (k + 2,), rows of AMINO_ACIDS, 20 for unknown ones: that of the last residue before, those
        to be placed, and that of the first one after, if there is one
    before, after : the last two places before, and the first two after; None if the chain ends there
    free : bool (n,), the places that may be used
    """
    return _Walks(lattice, letters, before, after, free, costs or Costs()).run()


class _Walks:
    """Rows are letters, 0 being that of the end before. States are steps, the letter being at their second place, and
    at last nowhere. From nowhere a walk goes on with a step of which both places are new.
    """

    def __init__(
        self,
        lattice: Lattice,
        letters: np.ndarray,
        before: tuple[int, int],
        after: tuple[int, int] | None,
        free: np.ndarray,
        costs: Costs,
    ) -> None:
        self.letters, self.before, self.after, self.costs = letters, before, after, costs
        self.last = len(letters) - 1
        self.count = self.last - (after is not None)
        self.near = self._near(lattice.index, free)
        allowed = np.asarray(self.near.any(axis=0))
        allowed[list(before)] = True
        allowed[list(after or ())] = True
        step = np.flatnonzero(allowed[lattice.steps].all(axis=1))
        self.steps, self.odds = lattice.steps[step], costs.bond * lattice.odds[step]
        where = np.full(len(lattice.steps), -1)
        where[step] = np.arange(len(step))
        turn = np.flatnonzero((where[lattice.turns] >= 0).all(axis=1))
        self.turns = where[lattice.turns[turn]]
        self.seen = costs.type * lattice.types[turn] + costs.frame * lattice.support[turn, None]

    def _near(self, index: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Which places (rows, n) each letter may take."""
        row, at = np.arange(self.last + 1)[:, None], self.before[1]
        near = np.zeros((self.last + 1, len(index)), dtype=bool)
        near[:] = np.less_equal(np.linalg.norm(index - index[at], axis=1), SPAN * row + SLACK) & free
        if self.after is not None:
            far = np.linalg.norm(index - index[self.after[0]], axis=1)
            near &= np.less_equal(far, SPAN * (self.last - row) + SLACK)
        near[:, [*self.before, *(self.after or ())]] = False
        near[0] = False
        near[0, at] = True
        if self.after is not None:
            near[-1] = False
            near[-1, self.after[0]] = True
        return near

    def run(self) -> Walk:
        moves = [self._moves(row) for row in range(self.last)]
        state = self._best(moves)
        place = np.full(self.count, -1)
        if state is None:
            return Walk(place, np.zeros(self.count))
        nowhere = len(self.steps)
        for row in range(1, self.last + 1):
            if state[row] < nowhere:
                for at, end in ((row - 1, 0), (row, 1)):
                    if 1 <= at <= self.count:
                        place[at - 1] = self.steps[state[row], end]
        return Walk(place, self._probability(moves, place))

    def _start(self) -> np.ndarray:
        value = np.full(len(self.steps) + 1, -np.inf)
        value[:-1][(self.steps == self.before).all(axis=1)] = 0.0
        return value

    def _end(self) -> np.ndarray:
        """Nats (m + 1,) of the states at the last letter."""
        value = np.zeros(len(self.steps) + 1)
        if self.after is not None:
            value[:-1] = -np.inf
            first, second = self.turns.T
            ends = (self.steps[second] == self.after).all(axis=1)
            value[first[ends]] = self.seen[ends, self.letters[-1]]
        return value

    def _moves(self, row: int) -> _Moves:
        """What is possible between letter `row` and the next."""
        nowhere, costs = len(self.steps), self.costs
        first, second = self.turns.T
        fits = self.near[row, self.steps[:, 0]] & self.near[row + 1, self.steps[:, 1]]
        turn = np.flatnonzero(fits[second])
        parts = [(first[turn], second[turn], self.seen[turn, self.letters[row]] + self.odds[second[turn]])]
        arrived = self.after is not None and row + 1 == self.last
        lost = 0.0 if arrived else costs.tail if self.after is None else costs.missing
        leave = np.flatnonzero(self.near[row, self.steps[:, 1]])
        ending = -costs.opened if arrived else -lost
        parts.append((leave, np.full(len(leave), nowhere), np.full(len(leave), ending)))
        parts.append((np.array([nowhere]), np.array([nowhere]), np.array([ending])))
        if row:
            enter = np.flatnonzero(fits)
            back = costs.tail if self.after is None else costs.missing  # its first letter is not lost
            nats = self.odds[enter] - np.log(max(len(enter), 1)) - costs.opened + back
            parts.append((np.full(len(enter), nowhere), enter, nats))
        return _Moves(*(np.concatenate(one) for one in zip(*parts, strict=True)))

    def _best(self, moves: Sequence[_Moves]) -> np.ndarray | None:
        """The states of the most probable walk, int (rows,)."""
        value, came = self._start(), []
        for each in moves:
            total = value[each.first] + each.nats
            order = np.argsort(total, kind="stable")
            back = np.full(len(value), -1)
            back[each.second[order]] = each.first[order]
            value = np.full(len(value), -np.inf)
            value[each.second[order]] = total[order]
            came.append(back)
        value = value + self._end()
        if not np.isfinite(value.max()):
            return None
        state = [int(value.argmax())]
        for back in reversed(came):
            state.append(int(back[state[-1]]))
        return np.array(state[::-1])

    def _probability(self, moves: Sequence[_Moves], place: np.ndarray) -> np.ndarray:
        """The probability (k,) that each letter lies at its `place` (k,); 0 for those left out."""
        weight = [np.exp(np.minimum(each.nats, 500)) for each in moves]
        ahead = [np.exp(self._start())]
        for each, one in zip(moves, weight, strict=True):
            ahead.append(_scaled(np.bincount(each.second, one * ahead[-1][each.first], len(ahead[0]))))
        behind = [_scaled(np.exp(self._end()))]
        for each, one in zip(moves[::-1], weight[::-1], strict=True):
            behind.append(_scaled(np.bincount(each.first, one * behind[-1][each.second], len(ahead[0]))))
        behind = behind[::-1]
        found = np.zeros(self.count)
        for row in range(1, self.count + 1):
            if place[row - 1] < 0:
                continue
            state = ahead[row] * behind[row]
            there = state[:-1][self.steps[:, 1] == place[row - 1]].sum()
            if row < self.last:  # from nowhere with both places
                each = moves[row]
                new = np.flatnonzero((each.first == len(self.steps)) & (each.second < len(self.steps)))
                new = new[self.steps[each.second[new], 0] == place[row - 1]]
                on = weight[row] * ahead[row][each.first] * behind[row + 1][each.second]
                there = (there + on[new].sum() * state.sum() / on.sum()) if len(new) else there
            found[row - 1] = there / state.sum()
        return found


def _scaled(value: np.ndarray) -> np.ndarray:
    return value / max(value.max(), 1e-300)
