"""Where the paths found in a map fit the sequences of its proteins, and how surely.

Every path is placed on every sequence in both directions (`anchors.placement`), the best stretch of the map first; what
it leaves of its path is placed again. Chance is told from the score alone: exp(score) is a ratio of likelihoods, so a
sequence that has nothing to do with the map reaches a score S somewhere E = K M N exp(-S) times, for M residues and
N letters in two directions (S. Karlin and S. Altschul, PNAS 87, 2264, 1990). Dividing by the map's own mean
probabilities removes what the network prefers anyway, as in DAQ (G. Terashi et al., Nat. Methods 19, 1116, 2022).
"""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.placement import (
    END,
    Library,
    Placement,
    diagonal_scores,
    library,
    log_odds_of_types,
    membership,
    place,
    whole_scores,
)
from cryotools.core.errors import CryotoolsWarning

ERROR = 0.01  # share of accepted stretches that may be wrong, and of unrelated sequences of which any is accepted
_WORST = 1.0  # expected number by chance of a stretch that is worth reporting
_SHORTEST = 5  # residues
_STARTS = 0.25  # K: independent beginnings per residue and letter; .05-.3 in simulations of 25-70 % right types
_SUREST = 0.98  # probability of a path's direction


@dataclass(frozen=True)
class SequenceFit:
    """A stretch of a path, placed on a sequence.

    Attributes
    ----------
    path : the path's number
    residues : int (k,), the residues from N to C
    sequence : the sequence's name; equal sequences are joined by slashes
    positions : int (k,), the place of each residue in the sequence, from 0
    letters : the sequence there
    forward : whether the residues run in the order of their path
    score : nats, with those for or against this direction of the path
    expected : how many stretches of the map reach this score on unrelated sequences of this length
    posterior : the probability of this placement among all of the stretch on these sequences
    sure : float64 (k,), the probability that each residue lies at its letter: less at the ends, as it may end before
    identity : the share of residues whose most probable type is the sequence's
    accepted : whether so good a fit is no chance, see `fit_sequences`
    """

    path: int
    residues: np.ndarray
    sequence: str
    positions: np.ndarray
    letters: str
    forward: bool
    score: float
    expected: float
    posterior: float
    sure: np.ndarray
    identity: float
    accepted: bool = False

    def __len__(self) -> int:
        return len(self.residues)


def fit_sequences(
    residues: DetectedResidues,
    sequences: Mapping[str, str],
    *,
    gapped: bool = False,
    copies: int | None = None,
) -> list[SequenceFit]:
    """The stretches of paths that fit `sequences` (one-letter codes by name), the surest first; warns if there is none.

    No residue is in two stretches. The first k stretches are accepted if so good ones are expected at most k × 1 % by
    chance (Y. Benjamini and Y. Hochberg, 1995): 1 % of accepted stretches are wrong if the sequences belong to the map,
    and any is accepted in 1 % of maps if not. Others that are expected at most once follow.

    Parameters
    ----------
    gapped : whether residues may be missing or superfluous within a stretch
    copies : how often the map contains each sequence, and so how many residues may lie at one letter; None for any
        number. A sequence that is given twice counts twice.

    Raises
    ------
    DataError
        A sequence contains other letters than those of amino acids, or none is a protein's.
    """
    found = _Search(residues, library(sequences), gapped, copies).run()
    most = max((rank for rank, one in enumerate(found, 1) if one.expected <= ERROR * rank), default=0)
    fits = [replace(one, accepted=rank <= most) for rank, one in enumerate(found, 1)]
    if not most:
        warnings.warn(_no_fit(fits, residues), CryotoolsWarning, stacklevel=2)
    return fits


@dataclass(frozen=True)
class _Candidate:
    """The best placement of the residues `begin` to `end`; its rows count from there, in the direction placed."""

    begin: int
    end: int
    forward: bool
    placement: Placement
    score: float

    def residues(self) -> np.ndarray:
        rows = self.placement.rows
        return self.begin + rows if self.forward else self.end - 1 - rows


class _Search:
    """The best stretches of a map, one after another."""

    def __init__(self, residues: DetectedResidues, known: Library, gapped: bool, copies: int | None) -> None:
        self.residues, self.known, self.gapped = residues, known, gapped
        self.free = None if copies is None else np.repeat(copies * known.copies, known.length + 2)
        self.letters = known.letters.copy()
        self.odds = log_odds_of_types(residues.types, residues.types.mean(axis=0) if len(residues) else np.ones(20))
        self.chance = _STARTS * np.count_nonzero(residues.path >= 0) * 2 * known.total

    def run(self) -> list[SequenceFit]:
        queue: list[tuple[float, int, _Candidate]] = []
        order, found = count(), []

        def look(begin: int, end: int) -> None:
            if end - begin >= _SHORTEST and (one := self._best(begin, end)):
                heapq.heappush(queue, (-one.score, next(order), one))

        for begin, end in _stretches(self.residues.path):
            look(begin, end)
        while queue:
            one = heapq.heappop(queue)[2]
            if np.any(self.letters[one.placement.positions] == END):  # all copies are placed by now
                look(one.begin, one.end)
                continue
            at = one.residues()
            found.append(self._fit(one, at))
            self._use(one.placement.positions)
            look(one.begin, int(at.min()))
            look(int(at.max()) + 1, one.end)
        return found

    def _best(self, begin: int, end: int) -> _Candidate | None:
        """The best placement of these residues in either direction; None if chance does as well."""
        found = []
        for forward in (True, False):
            placement = place(self._turned(begin, end, forward), self.letters, self.gapped)
            score = placement.score + self._direction(begin, forward)
            found.append(_Candidate(begin, end, forward, placement, score))
        best = max(found, key=lambda one: one.score)
        likely = self.chance * np.exp(-best.score) <= _WORST and len(best.placement.rows) >= _SHORTEST
        return best if likely else None

    def _turned(self, begin: int, end: int, forward: bool) -> np.ndarray:
        return self.odds[begin:end] if forward else self.odds[begin:end][::-1]

    def _direction(self, at: int, forward: bool) -> float:
        """Nats for a direction of the path of residue `at`, 0 if both are equally probable."""
        p = float(np.clip(self.residues.forward[at], 1 - _SUREST, _SUREST))
        return float(np.log(2 * (p if forward else 1 - p)))

    def _use(self, positions: np.ndarray) -> None:
        if self.free is not None:
            self.free[positions] -= 1
            self.letters[positions[self.free[positions] <= 0]] = END

    def _fit(self, one: _Candidate, at: np.ndarray) -> SequenceFit:
        positions = one.placement.positions
        which, first = self.known.where(int(positions[0]))
        letters = self.known.letters[positions]
        posterior = self._posterior(one, at)
        rows = one.placement.rows
        at_edge = bool(rows[0] == 0), bool(rows[-1] == one.end - one.begin - 1)
        return SequenceFit(
            path=int(self.residues.path[one.begin]),
            residues=at,
            sequence=self.known.names[which],
            positions=first + positions - positions[0],
            letters="".join((AMINO_ACIDS + "X")[letter] for letter in letters),
            forward=one.forward,
            score=one.score,
            expected=float(self.chance * np.exp(-one.score)),
            posterior=posterior,
            sure=posterior * membership(self.odds[at, letters], at_edge),
            identity=float(np.mean(self.residues.amino[at] == letters)),
        )

    def _posterior(self, one: _Candidate, at: np.ndarray) -> float:
        """The probability of a placement among those of its residues on all diagonals in both directions, except those
        on equal letters. A part of the residues may fit better than all; there are many parts to choose from.
        """
        letters, positions = self.known.letters, one.placement.positions
        begin, end = int(at.min()), int(at.max()) + 1
        others = []
        for forward in (True, False):
            odds = self._turned(begin, end, forward)
            part = diagonal_scores(odds, letters) - np.log(len(odds))
            score = np.maximum(whole_scores(odds, letters), part) + self._direction(begin, forward)
            if forward == one.forward:
                rows = one.placement.rows - one.placement.rows[0]
                own = np.unique(positions - rows + end - begin)
                spelled = letters[positions[0] : positions[-1] + 1]
                windows = np.lib.stride_tricks.sliding_window_view(letters, len(spelled))
                equal = np.flatnonzero((windows == spelled).all(axis=1)) - positions[0]
                score[(own + equal[:, None]).ravel()] = -np.inf
            others.append(score)
        return float(1 / (1 + np.exp(np.minimum(np.concatenate(others) - one.score, 50)).sum()))


def _stretches(path: np.ndarray) -> Iterator[tuple[int, int]]:
    """The first and one past the last residue of each path."""
    edge = np.flatnonzero(np.diff(path)) + 1
    for begin, end in zip([0, *edge.tolist()], [*edge.tolist(), len(path)], strict=True):
        if end > begin and path[begin] >= 0:
            yield begin, end


def _no_fit(fits: Sequence[SequenceFit], residues: DetectedResidues) -> str:
    best = ""
    if fits:
        one = fits[0]
        best = (
            f" (the best, {len(one)} residues at {one.sequence} {one.positions[0] + 1}-{one.positions[-1] + 1}, is "
            f"expected {one.expected:.2g} times by chance)"
        )
    return (
        f"no stretch of the {len(residues)} residues found fits the sequences better than chance{best}: they may "
        "belong to another map, or the map is too coarse to tell"
    )
