"""Probabilities from scores, by logistic regression (J. Platt, 1999, without his smoothing of targets)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

_LEAST_SCALE = 0.05


def fit_logistic(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The scale and offset that minimise the mean cross-entropy of σ(scale × `scores` + offset) against the `truth`,
    bool (n,); the scale is at least 0.05. Without scores, 1 and 0.
    """
    if not len(scores):
        return 1.0, 0.0
    scores, sign = np.asarray(scores, dtype=np.float64), np.where(truth, 1.0, -1.0)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (values[0] * scores + values[1])
        slope = -sign / (1 + np.exp(np.clip(margin, -500, 500)))
        return float(np.logaddexp(0, -margin).mean()), np.array([(slope * scores).mean(), slope.mean()])

    limits = [(_LEAST_SCALE, None), (None, None)]
    scale, offset = minimize(loss, (1.0, 0.0), jac=True, bounds=limits, method="L-BFGS-B").x
    return float(scale), float(offset)
