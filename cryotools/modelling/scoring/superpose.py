"""Rigid superposition of points, and of one model on another by their sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.modelling.scoring.trace import ModelTrace

_FEWEST = 20  # residues in common
_ROUNDS, _FAR = 5, 3.0  # of leaving out pairs farther than so many times the median


@dataclass(frozen=True)
class Superposition:
    """A rigid motion, x to `turn` (3, 3) x + `shift` (3,), and the `rmsd` in Å of the pairs it was fitted to."""

    turn: np.ndarray
    shift: np.ndarray
    rmsd: float

    @property
    def degrees(self) -> float:
        """The angle of the rotation."""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.turn) - 1) / 2, -1, 1))))

    def apply(self, xyz: np.ndarray) -> np.ndarray:
        """Positions (n, 3) moved."""
        return xyz @ self.turn.T + self.shift


def superposition(moving: np.ndarray, fixed: np.ndarray) -> Superposition:
    """The motion that brings points `moving` (n, 3) closest to `fixed` (n, 3) in root mean square (W. Kabsch 1976)."""
    centre, target = moving.mean(axis=0), fixed.mean(axis=0)
    u, _, vt = np.linalg.svd((moving - centre).T @ (fixed - target))
    right = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    turn = (u @ right @ vt).T
    shift = target - turn @ centre
    rmsd = float(np.sqrt(np.mean(np.sum((moving @ turn.T + shift - fixed) ** 2, axis=1))))
    return Superposition(turn, shift, rmsd)


def by_sequence(model: ModelTrace, reference: ModelTrace) -> Superposition | None:
    """The superposition of `model` on `reference` by the alignment of the two chains whose sequences have most in
    common; pairs that do not fit are left out. None if fewer than twenty residues align.
    """
    pairs = max(
        (_aligned(model, mine, reference, theirs) for mine in _longest(model) for theirs in _longest(reference)),
        key=len,
    )
    if len(pairs) < _FEWEST:
        return None
    here, there = model.ca[pairs[:, 0]], reference.ca[pairs[:, 1]]
    keep = np.ones(len(pairs), dtype=bool)
    for _ in range(_ROUNDS):
        found = superposition(here[keep], there[keep])
        apart = np.linalg.norm(found.apply(here) - there, axis=1)
        keep = apart <= max(_FAR * float(np.median(apart)), 1e-3)
    return found


def _longest(trace: ModelTrace, count: int = 8) -> list[np.ndarray]:
    """The longest chains of a trace; of those of one sequence the first."""
    chains = {"".join(trace.letters[at]): at for at in reversed(list(trace.chains().values()))}
    return sorted(chains.values(), key=len, reverse=True)[:count]


def _aligned(one: ModelTrace, mine: np.ndarray, other: ModelTrace, theirs: np.ndarray) -> np.ndarray:
    """Pairs (k, 2) of residues that are the same in the alignment of two chains."""
    from Bio.Align import PairwiseAligner

    aligner = PairwiseAligner(mode="global", match_score=2, mismatch_score=-1, open_gap_score=-3, extend_gap_score=-0.1)
    first, second = "".join(one.letters[mine]), "".join(other.letters[theirs])
    blocks = aligner.align(first, second)[0].aligned
    pairs = [(a + k, b + k) for (a, end), (b, _) in zip(*blocks, strict=True) for k in range(end - a)]
    same = [(mine[a], theirs[b]) for a, b in pairs if first[a] == second[b] != "X"]
    return np.array(same, dtype=int).reshape(-1, 2)
