"""How conserved each residue of a query is, by the Jensen-Shannon divergence of J. A. Capra and M. Singh,
Bioinformatics 23, 1875 (2007).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from cryotools.core.errors import DataError
from cryotools.homologs.search.alignment import read_alignment

LETTERS = "ARNDCQEGHILKMFPSTWYV"
# of the amino acids in the blocks from which BLOSUM62 was made
_PER_MILLE = (78, 51, 41, 52, 24, 34, 59, 83, 25, 62, 92, 56, 24, 44, 43, 59, 55, 14, 34, 72)
BACKGROUND = np.array(_PER_MILLE) / sum(_PER_MILLE)
_WINDOW, _SHARE = 3, 0.5  # residues on either side; λ, the share of the residue itself
_PSEUDOCOUNT = 1e-7
_GAP = len(LETTERS)
_CODES = np.full(256, _GAP, dtype=np.int8)
for _letter, _as in [*((letter, letter) for letter in LETTERS), ("B", "D"), ("Z", "Q")]:
    _CODES[ord(_letter)] = LETTERS.index(_as)


def conservation(
    alignment: str | os.PathLike[str] | Sequence[str], *, window: int = _WINDOW, share: float = _SHARE
) -> np.ndarray:
    """The conservation of each residue of the query, the first row of an alignment, float64 (n,), from 0 to 1.

    The divergence of a column's amino acids from the background, in bits, is multiplied by the weighted share of rows
    that have no gap there; rows are weighted by position (S. Henikoff and J. G. Henikoff, J. Mol. Biol. 243, 574,
    1994). A residue then takes `share` of its own score and the rest from the mean of its neighbours within `window`.
    A query without homologs is conserved nowhere in particular: the values say only how rare its amino acids are.

    Parameters
    ----------
    alignment : file (A3M or aligned FASTA, the query first), or its rows without insertions

    Raises
    ------
    DataError
        The alignment is empty, or its rows differ in length.
    """
    rows = list(alignment) if isinstance(alignment, Sequence) and not isinstance(alignment, str) else None
    codes = _codes(read_alignment(alignment) if rows is None else rows)  # type: ignore[arg-type] # a path by now
    weights = sequence_weights(codes)
    counts = np.zeros((codes.shape[1], len(LETTERS)))
    for code in range(len(LETTERS)):
        counts[:, code] = weights @ (codes == code)
    shares = counts + _PSEUDOCOUNT
    shares /= shares.sum(axis=1, keepdims=True)
    score = jensen_shannon(shares, BACKGROUND) * (weights @ (codes != _GAP))
    return _smoothed(score, window, share)


def sequence_weights(codes: np.ndarray) -> np.ndarray:
    """Position-based weights (rows,) of an alignment, int (rows, columns) with 20 for gaps; their sum is 1.

    A row gets 1/(k n) from each column, for k different amino acids in it, of which n are like the row's.
    """
    weights = np.zeros(len(codes))
    for column in codes.T:
        count = np.bincount(column, minlength=_GAP + 1)[:_GAP]
        there = column != _GAP
        weights[there] += 1 / (np.count_nonzero(count) * count[column[there]])
    total = weights.sum()
    return weights / total if total else np.full(len(codes), 1 / len(codes))


def jensen_shannon(shares: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The Jensen-Shannon divergence of each row of `shares` (n, k) from `background` (k,), bits; 0 to 1."""
    mean = (shares + background) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(shares > 0, shares * np.log2(shares / mean), 0)
    return (first.sum(axis=1) + (background * np.log2(background / mean)).sum(axis=1)) / 2


def _codes(rows: Sequence[str]) -> np.ndarray:
    if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise DataError("the alignment is empty, or its rows differ in length")
    return np.array([_CODES[np.frombuffer(row.upper().encode("latin-1", "replace"), dtype=np.uint8)] for row in rows])


def _smoothed(score: np.ndarray, window: int, share: float) -> np.ndarray:
    """Each score mixed with the mean of its neighbours, of which there are fewer at the ends."""
    if window < 1 or len(score) < 2:
        return score
    around = np.ones(2 * window + 1)
    around[window] = 0
    total = np.convolve(score, around)[window : window + len(score)]
    number = np.convolve(np.ones(len(score)), around)[window : window + len(score)]
    return share * score + (1 - share) * total / number
