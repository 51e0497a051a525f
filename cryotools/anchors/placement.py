"""Local placements of a stretch of chain on sequences: which letters it matches best, without a gap or with residues
that were missed or found once too often.

A residue i at a letter a scores log P_i(a) - log q(a): how much likelier the letter is there than at any residue of the
map. Everything is in nats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.core.errors import DataError
from cryotools.core.structures.fasta import looks_nucleic

ANY, END = len(AMINO_ACIDS), len(AMINO_ACIDS) + 1  # letters that score 0, and those at which every placement ends
_NEVER = -1e4  # nats
_UNKNOWN = "XUOBZJ*-"  # selenocysteine, pyrrolysine, ambiguous ones, stops and gaps
_UNLIKE = 0.05  # share of residues whose side chains do not show what they are, or are not what the sequence says
_RARE = 0.02  # chance of a missed residue, and of an extra one, at each residue
_ENDING = 0.02  # chance of a stretch to end between two residues of a path
_STAY, _GAP = np.log(1 - 2 * _RARE), np.log(_RARE)


@dataclass(frozen=True)
class Library:
    """Different protein sequences in one array, with two letters END after each.

    Attributes
    ----------
    names : the sequences' names; those of equal sequences are joined by slashes
    copies : int (s,), how many of the given sequences are equal to each
    letters : int8 (t,), indices in AMINO_ACIDS, ANY or END
    start : int (s,), where each sequence begins
    length : int (s,)
    """

    names: list[str]
    copies: np.ndarray
    letters: np.ndarray
    start: np.ndarray
    length: np.ndarray

    @property
    def total(self) -> int:
        """The number of letters of all sequences."""
        return int(self.length.sum())

    @property
    def composition(self) -> np.ndarray:
        """The share of each amino acid in all copies of all sequences, float64 (20,)."""
        weight = np.repeat(self.copies, self.length + 2).astype(np.float64)
        count = np.bincount(self.letters, weight, minlength=END + 1)[:ANY]
        return count / max(count.sum(), 1.0)

    def where(self, at: int) -> tuple[int, int]:
        """The sequence of position `at` of `letters`, and the position in that sequence, from 0."""
        which = int(np.searchsorted(self.start, at, side="right")) - 1
        return which, at - int(self.start[which])


def library(sequences: Mapping[str, str]) -> Library:
    """The protein sequences among `sequences`, one-letter codes by name; case, blanks and RNA or DNA are ignored.

    Raises
    ------
    DataError
        A sequence has letters that are none of an amino acid, or none is a protein's.
    """
    names: dict[str, list[str]] = {}
    for name, text in sequences.items():
        letters = "".join(text.split()).upper()
        odd = sorted(set(letters) - set(AMINO_ACIDS) - set(_UNKNOWN))
        if odd:
            raise DataError(f"sequence {name}: {odd[0]} stands for no amino acid; give one-letter codes")
        if not letters or looks_nucleic(letters):
            continue
        names.setdefault(letters, []).append(name)
    if not names:
        raise DataError("none of the sequences is that of a protein; give at least one")
    index = {letter: number for number, letter in enumerate(AMINO_ACIDS)}
    parts = [[*(index.get(letter, ANY) for letter in letters), END, END] for letters in names]
    length = np.array([len(part) - 2 for part in parts])
    return Library(
        names=["/".join(same) for same in names.values()],
        copies=np.array([len(same) for same in names.values()]),
        letters=np.concatenate([np.array(part, dtype=np.int8) for part in parts]),
        start=np.cumsum(length + 2) - length - 2,
        length=length,
    )


def log_odds_of_types(types: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The scores (n, 22) of AMINO_ACIDS, ANY and END at residues of type probabilities (n, 20), where the map's mean
    probabilities are `background` (20,). One residue in twenty may look like any other, so none scores less than -3.
    """
    odds = np.log((1 - _UNLIKE) * types / np.maximum(background, 1e-6) + _UNLIKE)
    return np.column_stack([odds, np.zeros(len(odds)), np.full(len(odds), _NEVER)])


@dataclass(frozen=True)
class Placement:
    """Pairs of residues and letters.

    Attributes
    ----------
    score : nats
    rows : int (k,), residues of the stretch, ascending
    positions : int (k,), indices in the library's letters, ascending
    """

    score: float
    rows: np.ndarray
    positions: np.ndarray


def place(odds: np.ndarray, letters: np.ndarray, gapped: bool = False) -> Placement:
    """The best local placement of a stretch, `odds` (m, 22) in the direction of the sequence, on `letters` (t,).

    `gapped` allows single residues to be skipped on either side, at the cost of their being rare (2 %).
    """
    if gapped:
        return _place_gapped(odds, letters)
    best = diagonal_scores(odds, letters)
    diagonal = int(best.argmax())
    each = odds[np.arange(len(odds)), _padded(letters, len(odds))[diagonal + np.arange(len(odds))]]
    total, end = 0.0, 0
    sums = np.empty(len(each))
    begins = np.empty(len(each), dtype=np.int64)
    begin = 0
    for row, value in enumerate(each):
        begin, total = (begin, total + value) if total > 0 else (row, value)
        sums[row], begins[row] = total, begin
    end = int(sums.argmax())
    rows = np.arange(begins[end], end + 1)
    return Placement(float(sums[end]), rows, rows + diagonal - len(odds))


def diagonal_scores(odds: np.ndarray, letters: np.ndarray) -> np.ndarray:
    """The best score of any local placement without gaps on each diagonal, float64 (m + t,): on diagonal d, residue i
    of the stretch lies at letter i + d - m.
    """
    padded = _padded(letters, len(odds))
    width = len(odds) + len(letters)
    running, best = np.zeros(width), np.zeros(width)
    for row, score in enumerate(odds):
        np.maximum(running, 0, out=running)
        running += score[padded[row : row + width]]
        np.maximum(best, running, out=best)
    return best


def whole_scores(odds: np.ndarray, letters: np.ndarray) -> np.ndarray:
    """The score of the whole stretch on each diagonal, as in `diagonal_scores`; hugely negative beyond a sequence."""
    padded, width = _padded(letters, len(odds)), len(odds) + len(letters)
    total = np.zeros(width)
    for row, score in enumerate(odds):
        total += score[padded[row : row + width]]
    return total


def membership(scores: np.ndarray, at_edge: tuple[bool, bool]) -> np.ndarray:
    """The probability (k,) that each residue belongs to a stretch that may begin and end anywhere, given the `scores`
    (k,) of its residues; `at_edge` tells whether the first and the last one are at an end of their path, where it is
    natural for a stretch to end.
    """
    inside = np.ones(len(scores))
    for edge, way in zip(at_edge, (slice(None, None, -1), slice(None)), strict=True):
        total = np.cumsum(scores[way])
        total[-1] += -np.log(_ENDING) if edge else 0.0
        weight = np.exp(total - total.max())
        inside[way] *= np.cumsum(weight[::-1])[::-1] / weight.sum()
    return inside


def _padded(letters: np.ndarray, margin: int) -> np.ndarray:
    ends = np.full(margin, END, dtype=letters.dtype)
    return np.concatenate([ends, letters, ends])


def _place_gapped(odds: np.ndarray, letters: np.ndarray) -> Placement:
    """`place` where a step may also skip one letter (a missed residue) or one residue (an extra one)."""
    count, width = len(odds), len(odds) + len(letters)
    padded = _padded(letters, count)
    came = np.zeros((count, width), dtype=np.int8)  # 0: begins here; else from one of the steps
    last, before = (np.full(width, float(_NEVER)) for _ in range(2))
    top, end = -np.inf, (0, 0)
    for row, score in enumerate(odds):
        choices = np.full((4, width), float(_NEVER))
        choices[0] = 0
        choices[1] = last + _STAY
        choices[2, 1:] = last[:-1] + _GAP  # the letter between is skipped
        choices[3, :-1] = before[1:] + _GAP  # the residue between is skipped
        came[row] = choices.argmax(axis=0)
        before, last = last, choices.max(axis=0) + score[padded[row : row + width]]
        at = int(last.argmax())
        if last[at] > top:
            top, end = float(last[at]), (row, at)
    pairs, (row, diagonal) = [], end
    while True:
        pairs.append((row, row + diagonal - count))
        step = came[row, diagonal]
        if step == 0:
            break
        row, diagonal = row - (2 if step == 3 else 1), diagonal + (0, 0, -1, 1)[step]
    rows, positions = np.array(pairs[::-1]).T
    return Placement(top, rows, positions)
