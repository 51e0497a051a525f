"""Fit how the network's probability and the evidence of homologs are combined (`sites.evidence`)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

_RIDGE = 1e-3  # pulls coefficients towards those that leave the network's probability unchanged


def fit_combination(features: np.ndarray, truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The coefficients (s, k) of a logistic regression for each of s kinds of sites, from `features` (s, m, k) whose
    first is the network's logit, and `truth` and `known`, bool (s, m). A kind without sites keeps the network's logit.
    """
    start = np.zeros(features.shape[-1])
    start[0] = 1.0
    fitted = np.tile(start, (len(features), 1))
    for site, (values, right, judged) in enumerate(zip(features, truth, known, strict=True)):
        chosen, sign = values[judged], np.where(right[judged], 1.0, -1.0)
        if not 0 < np.count_nonzero(sign > 0) < len(sign):
            continue
        fitted[site] = minimize(_loss, start, args=(chosen, sign, start), jac=True, method="L-BFGS-B").x
    return fitted


def _loss(
    coefficients: np.ndarray, values: np.ndarray, sign: np.ndarray, start: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mean cross-entropy and its gradient, with the ridge."""
    margin = sign * (values @ coefficients)
    slope = -sign / (1 + np.exp(np.clip(margin, -500, 500)))
    away = coefficients - start
    loss = float(np.logaddexp(0, -margin).mean() + _RIDGE * (away**2).sum())
    return loss, values.T @ slope / len(sign) + 2 * _RIDGE * away
