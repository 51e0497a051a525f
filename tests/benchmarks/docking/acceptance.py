"""Which placements are accepted, by resolution, as Markdown; and the logistic regression fitted anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from cryotools.homologs.docking.dock import SIGNIFICANT
from cryotools.metrics.ranks import roc_area

BANDS = ((0.0, 3.7), (3.7, 4.75), (4.75, 6.05), (6.05, 9.0), (0.0, 9.0))
_SPLITS = 20


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Right placements and others, and which of them are accepted: as shipped, and by regressions fitted on the other
    half of the families, means over 20 random halves.
    """
    right, resolution = _column(rows, "right").astype(bool), _column(rows, "resolution")
    shipped, held_out = _column(rows, "probability"), _held_out(rows, right)
    lines = [
        "| RES, Å | right | accepted | held out | other | accepted | held out | area, held out | of the correlation |",
        "|" + "---|" * 9,
    ]
    for low, high in BANDS:
        here = (resolution >= low) & (resolution < high)
        yes, no = here & right, here & ~right
        if not yes.any() or not no.any():
            continue
        area = np.mean([roc_area(one[here], right[here]) for one in held_out])
        plain = roc_area(_column(rows, "correlation")[here], right[here])
        cells = [f"{low:g}-{high:g}"]
        for chosen in (yes, no):
            counts = [(shipped[chosen] >= SIGNIFICANT).mean(), (held_out[:, chosen] >= SIGNIFICANT).mean()]
            cells += [str(chosen.sum()), *(f"{one:.3f}" for one in counts)]
        lines.append("| " + " | ".join([*cells, f"{area:.4f}", f"{plain:.3f}"]) + " |")
    return "\n".join(lines)


def fitted(rows: Sequence[dict[str, Any]]) -> str:
    """The weights of `homologs.docking.evidence`."""
    weights = regression(_column(rows, "margin")[:, None], _column(rows, "right").astype(bool))
    return f"weights of 1 and the margin: {np.round(weights, 2).tolist()}"


def regression(evidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Weights (1 + k,) of 1 and `evidence` (n, k), right placements and others counting the same in all."""
    scale = evidence.std(axis=0)
    columns = np.column_stack([np.ones(len(evidence)), evidence / scale])
    weight = np.where(right, 0.5 / right.sum(), 0.5 / (~right).sum())

    def loss(weights: np.ndarray) -> float:
        score = columns @ weights
        return float((weight * np.logaddexp(0, np.where(right, -score, score))).sum() + 1e-4 * (weights[1:] ** 2).sum())

    found = minimize(loss, np.zeros(columns.shape[1])).x
    return found / np.append(1.0, scale)


def _held_out(rows: Sequence[dict[str, Any]], right: np.ndarray) -> np.ndarray:
    """Probabilities (20, n) by regressions that have not seen the row's family."""
    evidence, family = _column(rows, "margin")[:, None], np.array([row["family"] for row in rows])
    names, random = np.unique(family), np.random.default_rng(0)
    found = np.full((_SPLITS, len(rows)), 0.5)
    for split in found:
        half = np.isin(family, random.permutation(names)[: len(names) // 2])
        for of, learnt in ((half, ~half), (~half, half)):
            if right[learnt].any() and not right[learnt].all():
                weights = regression(evidence[learnt], right[learnt])
                split[of] = expit(weights[0] + evidence[of] @ weights[1:])
    return found


def _column(rows: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=float)
