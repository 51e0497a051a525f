"""TM-score of a chain, in the frame of the map and after superposition.

TM = 1/L Σ 1 / (1 + (d/d0)²) over aligned residues of a reference chain of L residues, with
d0 = 1.24 (L - 15)^(1/3) - 1.8 (Y. Zhang and J. Skolnick, Proteins 57, 702, 2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.modelling.scoring.superpose import superposition

_LEAST = 0.5  # Å, of d0
_REFERENCE, _MODEL = 1, 2  # whose residue an alignment leaves out
_ROUNDS, _STEPS = 5, 20  # of realigning, and of superposing again what is near


@dataclass(frozen=True)
class TmScore:
    """`in_place`: in the frame given; `superposed`: the best found by rotating and shifting the model."""

    in_place: float
    superposed: float


def tm_distance(length: int) -> float:
    """d0 in Å of a reference chain of `length` residues."""
    return max(1.24 * np.cbrt(length - 15) - 1.8, _LEAST)


def tm_score(model: np.ndarray, reference: np.ndarray) -> TmScore:
    """TM-scores of a model's chain of Cα (m, 3) against a reference's (n, 3), both in chain order.

    Residues are aligned such that the score is highest while both chains go forward, whatever their types. What is
    found by superposition starts from that alignment, so it is at least the score in place.
    """
    d0 = tm_distance(len(reference))
    placed, pairs = _align(model, reference, d0)
    best = placed
    for _ in range(_ROUNDS):
        if len(pairs) < 3:
            break
        score, moved = _superposed(model, reference, pairs, d0)
        realigned, pairs = _align(moved, reference, d0)
        improved = max(score, realigned)
        if improved <= best + 1e-6:
            break
        best = improved
    return TmScore(placed, best)


def _align(model: np.ndarray, reference: np.ndarray, d0: float) -> tuple[float, np.ndarray]:
    """The highest TM-score in place, and the aligned pairs (k, 2) of model and reference that give it."""
    best = np.zeros(len(model) + 1)  # of the reference so far and of each beginning of the model
    skips = np.zeros((len(reference), len(model)), dtype=np.uint8)
    for row, here in enumerate(reference):
        apart = np.linalg.norm(model - here, axis=1)
        paired = best[:-1] + 1 / (1 + (apart / d0) ** 2)
        total = np.maximum.accumulate(np.maximum(best[1:], paired))
        skips[row] = np.where(total == best[1:], _REFERENCE, np.where(total == paired, 0, _MODEL))
        best[1:] = total
    pairs, i, j = [], len(reference), len(model)
    while i and j:
        skip = skips[i - 1, j - 1]
        if not skip:
            pairs.append((j - 1, i - 1))
        i, j = i - (skip != _MODEL), j - (skip != _REFERENCE)
    return float(best[-1] / len(reference)), np.array(pairs[::-1], dtype=int).reshape(-1, 2)


def _superposed(model: np.ndarray, reference: np.ndarray, pairs: np.ndarray, d0: float) -> tuple[float, np.ndarray]:
    """The best score of these pairs over superpositions of windows of them, and the model (m, 3) as superposed."""
    here, there = model[pairs[:, 0]], reference[pairs[:, 1]]
    best, moved = -1.0, model
    near = max(d0, 4.5)
    for size in {len(pairs), len(pairs) // 2, len(pairs) // 4}:
        for start in range(0, len(pairs) - size + 1, max(size // 2, 1)):
            use = np.zeros(len(pairs), dtype=bool)
            use[start : start + size] = True
            for _ in range(_STEPS):
                if use.sum() < 3:
                    break
                motion = superposition(here[use], there[use])
                apart = np.linalg.norm(motion.apply(here) - there, axis=1)
                score = float(np.sum(1 / (1 + (apart / d0) ** 2)) / len(reference))
                if score > best:
                    best, moved = score, motion.apply(model)
                again = apart < near
                if np.array_equal(again, use):
                    break
                use = again
    return best, moved
