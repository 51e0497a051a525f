"""More residues on their sequences, from where the others of a chain lie.

What is too short or too unclear to be placed on a sequence by itself may be placed once the chain is known around it:
few positions are left free, a chain can only reach so far, and a path that goes on from a placed residue probably goes
on along the sequence. Free runs of paths are placed so, the surest first, if one placement is far more probable than
all others together, and than none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.placement import Library, log_odds_of_types
from cryotools.modelling.stretches import SLACK, SPAN, Stretch

_SHORTEST = 3  # residues, of runs that do not go on from a placed one
_BEYOND = 40  # positions beyond the ends of a chain that are tried
_ADJACENT = 3.0  # nats for a run that goes on from a placed residue of its path at the next position
_NONE = 2.0  # nats of a placement that is as good as none
_SURE = 0.9  # probability of a placement
_SUREST = 0.98  # of a path's direction
_NEVER = -1e4


@dataclass(frozen=True)
class _Trial:
    group: int
    stretch: Stretch
    value: float


def placed_in_context(
    residues: DetectedResidues,
    groups: Sequence[Sequence[Stretch]],
    sequences: Mapping[str, str],
    known: Library,
) -> list[list[Stretch]]:
    """The chains' stretches (`groups`) and those added to them, in sequence order."""
    odds = log_odds_of_types(residues.types, known.composition)
    chains = [sorted(group, key=_first) for group in groups]
    used = np.zeros(len(residues), dtype=bool)
    for group in chains:
        for one in group:
            used[one.residue] = True
    letters = {
        name: known.letters[start : start + length]
        for name, start, length in zip(known.names, known.start, known.length, strict=True)
    }
    while True:
        trials = [_placed(residues, odds, run, chains, letters) for run in _runs(residues, used)]
        changed: set[int] = set()
        for trial in sorted((each for each in trials if each is not None), key=lambda each: -each.value):
            if trial.group not in changed:
                changed.add(trial.group)
                used[trial.stretch.residue] = True
                chains[trial.group] = sorted([*chains[trial.group], trial.stretch], key=_first)
        if not changed:
            return chains


def _first(one: Stretch) -> int:
    return int(one.position[0])


def _runs(residues: DetectedResidues, used: np.ndarray) -> list[np.ndarray]:
    """The free runs of paths."""
    mark = np.where((residues.path >= 0) & ~used, residues.path, -1)
    edge = np.flatnonzero(np.diff(mark) != 0) + 1
    parts = np.split(np.arange(len(residues)), edge)
    return [part for part in parts if len(part) and mark[part[0]] >= 0]


def _placed(
    residues: DetectedResidues,
    odds: np.ndarray,
    run: np.ndarray,
    chains: Sequence[Sequence[Stretch]],
    letters: Mapping[str, np.ndarray],
) -> _Trial | None:
    """The placement of a free run in a chain, if it is sure."""
    trials: list[_Trial] = []
    p = float(np.clip(residues.forward[run[0]], 1 - _SUREST, _SUREST))
    for turned, prior in ((run, np.log(2 * p)), (run[::-1], np.log(2 * (1 - p)))):
        for number, group in enumerate(chains):
            for low, high, before, after in _free(group, len(letters[group[0].sequence])):
                trials += _trials(
                    residues, odds, turned, number, group[0].sequence, letters, (low, high), (before, after), prior
                )
    if not trials:
        return None
    value = np.array([one.value for one in trials])
    best = int(value.argmax())
    weight = np.exp(value - value[best])
    sure = 1 / (weight.sum() + np.exp(_NONE - value[best]))
    return trials[best] if sure >= _SURE else None


def _free(group: Sequence[Stretch], length: int) -> list[tuple[int, int, Stretch | None, Stretch | None]]:
    """Free positions of a chain: first, one past the last, and the stretches on either side."""
    found: list[tuple[int, int, Stretch | None, Stretch | None]] = []
    begin = int(group[0].position[0])
    found.append((max(begin - _BEYOND, 0), begin, None, group[0]))
    for k in range(len(group) - 1):
        found.append((int(group[k].position[-1]) + 1, int(group[k + 1].position[0]), group[k], group[k + 1]))
    end = int(group[-1].position[-1]) + 1
    found.append((end, min(end + _BEYOND, length), group[-1], None))
    return [one for one in found if one[1] > one[0]]


def _trials(
    residues: DetectedResidues,
    odds: np.ndarray,
    run: np.ndarray,
    number: int,
    sequence: str,
    letters: Mapping[str, np.ndarray],
    interval: tuple[int, int],
    sides: tuple[Stretch | None, Stretch | None],
    prior: float,
) -> list[_Trial]:
    """The possible placements of a run, in this direction, between two stretches."""
    low, high = interval
    text = letters[sequence][low:high]
    found = []
    shortest = min(_SHORTEST, len(run), len(text))
    for shift in range(-(len(run) - shortest), len(text) - shortest + 1):
        rows = np.arange(max(-shift, 0), min(len(run), len(text) - shift))
        first, last, total = _best_part(odds[run[rows], text[rows + shift]])
        rows = rows[first:last]
        if not len(rows):
            continue
        position, residue = rows + shift + low, run[rows]
        bonus = _fits(residues, position, residue, sides)
        if bonus is not None and (bonus > 0 or len(rows) >= _SHORTEST):
            stretch = Stretch(sequence, position, residue, int(residues.path[run[0]]), total)
            found.append(_Trial(number, stretch, total + bonus + prior))
    return found


def _best_part(each: np.ndarray) -> tuple[int, int, float]:
    """The first and one past the last of the values (k,) with the largest sum, and it."""
    total = np.concatenate([[0.0], np.cumsum(each)])
    rise = total - np.minimum.accumulate(total)
    end = int(rise.argmax())
    begin = int(total[: end + 1].argmin())
    return begin, end, float(rise[end])


def _fits(
    residues: DetectedResidues,
    position: np.ndarray,
    residue: np.ndarray,
    sides: tuple[Stretch | None, Stretch | None],
) -> float | None:
    """Nats for a placement by its neighbours; None if it is out of their reach."""
    bonus = 0.0
    for stretch, mine, theirs in ((sides[0], 0, -1), (sides[1], -1, 0)):
        if stretch is None:
            continue
        steps = abs(int(stretch.position[theirs]) - int(position[mine]))
        one, other = int(residue[mine]), int(stretch.residue[theirs])
        if np.linalg.norm(residues.ca[one] - residues.ca[other]) > SPAN * steps + SLACK:
            return None
        if residues.path[one] == residues.path[other] and abs(one - other) == steps:
            bonus += _ADJACENT
    return bonus
