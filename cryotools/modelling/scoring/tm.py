"""TM-score of a chain, in the frame of the map and after superposition.

TM = 1/L Σ 1 / (1 + (d/d0)²) over aligned residues of a reference chain of L residues, with
d0 = 1.24 (L - 15)^(1/3) - 1.8 (Y. Zhang and J. Skolnick, Proteins 57, 702, 2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.modelling.scoring.superpose import superposition

_LEAST = 0.5  # Å, of d0
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
    apart = np.linalg.norm(model[None] - reference[:, None], axis=2)
    gain = 1 / (1 + (apart / d0) ** 2)
    total = np.zeros((len(reference) + 1, len(model) + 1))
    for row, values in enumerate(gain):
        total[row + 1, 1:] = np.maximum(total[row, 1:], total[row, :-1] + values)
        np.maximum.accumulate(total[row + 1], out=total[row + 1])
    pairs, i, j = [], len(reference), len(model)
    while i and j:
        if total[i, j] == total[i - 1, j]:
            i -= 1
        elif total[i, j] == total[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((j, i))
    return float(total[-1, -1] / len(reference)), np.array(pairs[::-1], dtype=int).reshape(-1, 2)


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
