"""Statistics of ranks, to which the scale of values does not matter."""

from __future__ import annotations

import numpy as np

from cryotools.metrics.correlation import pearson


def average_ranks(values: np.ndarray) -> np.ndarray:
    """The ranks (n,) of values (n,), from 1; equal ones share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation of values (n,), with the mean rank where some are equal; NaN for fewer than three values
    or if an input is constant.
    """
    return pearson(average_ranks(a), average_ranks(b))


def circular_rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Agreement, from 0 to 1, of the order in which angles (n,), radians, follow one another around the circle, in the
    same sense or the opposite one (K. V. Mardia, J. R. Stat. Soc. B 37, 349, 1975; the square root of his r₀).
    """
    if len(a) < 3:
        return float("nan")
    first, second = (2 * np.pi * average_ranks(np.mod(each, 2 * np.pi)) / len(each) for each in (a, b))
    return float(max(abs(np.exp(1j * (first - second)).mean()), abs(np.exp(1j * (first + second)).mean())))


def roc_area(score: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive item has a higher `score` (n,) than another one, half if equal (the area below the
    ROC curve); NaN if all items or none are `positive`, bool (n,).
    """
    count = int(positive.sum())
    if count in (0, len(positive)):
        return float("nan")
    above = average_ranks(score)[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(positive) - count)))
