"""Scores of class predictions and of their confidence."""

from __future__ import annotations

import numpy as np


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Number of items (n,) of class i predicted as j, int (classes, classes)."""
    pairs = truth.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def recall_per_class(counts: np.ndarray) -> np.ndarray:
    """Recall of each class, (k,), from a confusion matrix (k, k); NaN for classes without items."""
    return _ratio(np.diag(counts), counts.sum(axis=1))


def f1_per_class(counts: np.ndarray) -> np.ndarray:
    """Harmonic mean of recall and precision of each class, (k,), from a confusion matrix (k, k).

    NaN for a class that is neither present nor predicted.
    """
    return _ratio(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over `bins` equal bins from 0 to 1, weighted by the number of items in
    each.

    Parameters
    ----------
    confidence : (n,), from 0 to 1; bins include their upper edge, the first also its lower edge
    correct : bool (n,)

    Returns
    -------
    The error (C. Guo et al., ICML 2017) from 0 to 1; NaN for empty input.
    """
    if not len(confidence):
        return float("nan")
    bin_of = np.clip(np.ceil(np.asarray(confidence, dtype=np.float64) * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(bin_of, weights=confidence, minlength=bins) - np.bincount(bin_of, weights=correct, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
