"""The scores of phenix.chain_comparison, as its definitions are in mmtbx."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.modelling.scoring.trace import ModelTrace

_CLOSE = 3.0  # Å
_LEAST_RMSD = 0.1  # Å


@dataclass(frozen=True)
class ChainComparison:
    """A model against a target, as phenix.chain_comparison says it.

    Attributes
    ----------
    close : residues with a Cα within 3 Å of one of the target that no earlier residue has taken
    found : per cent of the target's residues
    rmsd : Å, of these
    match : per cent of these that have the target's type
    ca_score : found (as a fraction) over rmsd, or over 0.1 Å if that is more
    seq_score : the product of the fractions found and matched
    forward, reverse, unaligned : of these, those whose target follows that of the residue before or after in the same
        order, in the other order, or not
    """

    close: int
    found: float
    rmsd: float
    match: float
    ca_score: float
    seq_score: float
    forward: int
    reverse: int
    unaligned: int


def compare_chains(model: ModelTrace, target: ModelTrace) -> ChainComparison:
    """The scores of `model` against `target`; residues are numbered as they follow in the files, whatever their
    chains, as there. All chains of the target count, copies too.
    """
    pairs = _pairs(model.ca, target.ca)
    mine, theirs = pairs.T
    rmsd = float("nan")
    if len(pairs):
        rmsd = float(np.sqrt(np.mean(np.sum((model.ca[mine] - target.ca[theirs]) ** 2, axis=1))))
    found = len(pairs) / len(target)
    match = float(np.mean(model.letters[mine] == target.letters[theirs])) if len(pairs) else 0.0
    forward, reverse = _directions(pairs)
    return ChainComparison(
        close=len(pairs),
        found=100 * found,
        rmsd=rmsd,
        match=100 * match,
        ca_score=found / max(_LEAST_RMSD, rmsd) if len(pairs) else 0.0,
        seq_score=found * match,
        forward=forward,
        reverse=reverse,
        unaligned=len(pairs) - forward - reverse,
    )


def _pairs(model: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Each residue in turn takes the nearest of the target, or the second nearest if that is taken; (k, 2)."""
    from scipy.spatial import cKDTree

    distance, nearest = cKDTree(target).query(model, k=2)  # a missing neighbour is at an infinite distance
    taken = np.zeros(len(target) + 1, dtype=bool)
    pairs = []
    for at, (apart, candidates) in enumerate(zip(distance, nearest, strict=True)):
        which = 0 if not taken[candidates[0]] else 1
        if apart[which] <= _CLOSE and not taken[candidates[which]]:
            taken[candidates[which]] = True
            pairs.append((at, candidates[which]))
    return np.array(pairs, dtype=int).reshape(-1, 2)


def _directions(pairs: np.ndarray) -> tuple[int, int]:
    """How many pairs run forward, and how many in reverse: a stretch's first by what follows, others by the last."""
    forward = reverse = 0
    last: tuple[int, int] | None = None
    for at, (i, j) in enumerate(pairs.tolist()):
        if last is None:
            following = pairs[at + 1].tolist() if at + 1 < len(pairs) else (-2, -2)
            step = following[1] - j if following[0] == i + 1 else 0
        else:
            step = j - last[1] if i == last[0] + 1 else 0
        forward += step == 1
        reverse += step == -1
        last = (i, j) if abs(step) == 1 else None
    return forward, reverse
