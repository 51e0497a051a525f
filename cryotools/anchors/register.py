"""Where a model disagrees with the amino acids that a map shows along its chain: out of register, reversed or astray.

Each residue has the log-odds of its type against what it looks like if something else were right: the type of a
residue up to nine further along the chain, one that runs the other way, or any. Summed over a stretch these are the
logarithm of a ratio of likelihoods, which in a right model exceeds x nats with a probability of at most exp(-x); so a
stretch is reported if its sum is too large to occur by chance in 1 % of right models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryotools.anchors.labels import AMINO_ACIDS

FARTHEST = 9  # residues of shift
SHIFTS = np.arange(-FARTHEST, FARTHEST + 1)
WINDOW = 9  # residues on either side over which scores are averaged, as in DAQ
SHIFTED, REVERSED, MISPLACED = "shifted", "reversed", "misplaced"
_ERROR = 0.01
_STARTS = 0.25  # independent stretches per residue and alternative
_NEVER = -1e4  # nats
_SHORTEST = 4  # residues


@dataclass(frozen=True)
class Mismatch:
    """A stretch of a chain that fits its map better in another way.

    Attributes
    ----------
    begin, end : its first residue, and one past its last
    kind : SHIFTED, REVERSED or MISPLACED
    shift : for SHIFTED, how many residues further along the chain the amino acids belong that are seen here: residue i
        looks like residue i + shift of the model; else 0
    gain : nats by which this explains the map better than the model
    """

    begin: int
    end: int
    kind: str
    shift: int
    gain: float


@dataclass(frozen=True)
class RegisterScores:
    """Scores of the n residues of chains, in nats.

    Attributes
    ----------
    score : float64 (n,), mean log-odds of the residues' own types within nine residues along the chain; NaN if none of
        these is known
    shifted : float64 (n, 19), the same if the sequence were moved along the chain: column k with the types SHIFTS[k]
        residues further along; NaN where fewer than half of the residues have such a neighbour
    mismatches : the stretches that fit better in another way, in chain order
    """

    score: np.ndarray
    shifted: np.ndarray
    mismatches: list[Mismatch]


def register_scores(
    log_odds: np.ndarray, types: np.ndarray, linked: np.ndarray, backward: np.ndarray | None = None
) -> RegisterScores:
    """Score residues in chain order against what a map shows at their places.

    Parameters
    ----------
    log_odds : (n, 20), log P_i(a) - log q(a) for AMINO_ACIDS a at residue i, q being the map's mean; 0 where unknown
    types : int (n,), the model's amino acids, other values than 0 to 19 for unknown ones
    linked : bool (n,), bonded to the next residue
    backward : (n,), nats in favour of the chain's running the other way; not judged if None
    """
    segment = np.cumsum(np.append(False, ~linked[:-1])[: len(linked)])
    moved = _moved(log_odds, types, segment)
    own = moved[:, FARTHEST]
    there = np.isfinite(moved)
    total = _windowed(np.where(there, moved, 0.0), segment)
    count, all_ = _windowed(there.astype(float), segment), _windowed(np.ones((len(own), 1)), segment)
    shifted = np.where(count >= all_ / 2, total / np.maximum(count, 1), np.nan)
    score = np.where(_windowed(np.any(log_odds != 0, axis=1)[:, None], segment)[:, 0] > 0, shifted[:, FARTHEST], np.nan)
    found = _mismatches(moved, own, segment, backward)
    return RegisterScores(score, shifted, sorted(found, key=lambda one: one.begin))


def _moved(log_odds: np.ndarray, types: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """The log-odds (n, 19) at each residue of the type SHIFTS further along its segment; NaN beyond its ends, 0 for
    unknown types.
    """
    count = len(types)
    odds = np.column_stack([log_odds, np.zeros(count)])
    known = np.where(types < len(AMINO_ACIDS), types, len(AMINO_ACIDS)).astype(int)
    moved = np.full((count, len(SHIFTS)), np.nan)
    each = np.arange(count)
    for column, shift in enumerate(SHIFTS):
        at = each[(each + shift >= 0) & (each + shift < count)]
        at = at[segment[at] == segment[at + shift]]
        moved[at, column] = odds[at, known[at + shift]]
    return moved


def _windowed(values: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Sums (n, k) of values (n, k) within WINDOW residues in the same segment."""
    each = np.arange(len(segment))
    begin = np.searchsorted(segment, segment, side="left")
    end = np.searchsorted(segment, segment, side="right")
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return total[np.minimum(each + WINDOW + 1, end)] - total[np.maximum(each - WINDOW, begin)]


def _mismatches(
    moved: np.ndarray, own: np.ndarray, segment: np.ndarray, backward: np.ndarray | None
) -> Iterator[Mismatch]:
    """The stretches whose alternatives are significantly better, the best of each segment first."""
    other = np.flatnonzero(SHIFTS != 0)
    gains = [np.nan_to_num(moved[:, other] - own[:, None], nan=_NEVER), -own[:, None]]
    kinds = [*((SHIFTED, int(shift)) for shift in SHIFTS[other]), (MISPLACED, 0)]
    if backward is not None:
        gains.append(backward[:, None])
        kinds.append((REVERSED, 0))
    gain = np.concatenate(gains, axis=1)
    least = np.log(max(_STARTS * gain.size, 1.0) / _ERROR)
    edges = np.flatnonzero(np.diff(segment)) + 1
    ahead = list(zip([0, *edges.tolist()], [*edges.tolist(), len(segment)], strict=True))
    while ahead:
        begin, end = ahead.pop()
        if end - begin < _SHORTEST:
            continue
        first, last, column, total = _best_stretch(gain[begin:end])
        if total >= least and last - first >= _SHORTEST:
            kind, shift = kinds[column]
            yield Mismatch(begin + first, begin + last, kind, shift, total)
            ahead += [(begin, begin + first), (begin + last, end)]


def _best_stretch(gain: np.ndarray) -> tuple[int, int, int, float]:
    """The rows of gains (m, k), first and one past the last, and the column, whose sum is the largest; and that sum."""
    total = np.concatenate([np.zeros((1, gain.shape[1])), np.cumsum(gain, axis=0)])
    lowest = np.minimum.accumulate(total, axis=0)
    rise = total - lowest
    end, column = np.unravel_index(int(rise.argmax()), rise.shape)
    begin = int(end - total[: end + 1, column][::-1].argmin())  # the shortest of equal ones
    return begin, int(end), int(column), float(rise[end, column])
