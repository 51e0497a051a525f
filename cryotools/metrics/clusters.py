"""Scores of clusters against known classes; the numbers of clusters carry no meaning."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln


def contingency(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Number of items of class i in cluster j, int (classes, clusters), of labels (n,) each, in sorted order."""
    (classes, rows), (clusters, columns) = (np.unique(each, return_inverse=True) for each in (truth, labels))
    return np.bincount(rows * len(clusters) + columns, minlength=len(classes) * len(clusters)).reshape(
        len(classes), len(clusters)
    )


def adjusted_rand_index(truth: np.ndarray, labels: np.ndarray) -> float:
    """Agreement on which pairs of items (n,) belong together: 1 if they all agree, 0 on average by chance.

    L. Hubert & P. Arabie, J. Classif. 2, 193 (1985).
    """
    counts = contingency(truth, labels)
    together = _pairs(counts).sum()
    in_classes, in_clusters = (_pairs(counts.sum(axis=axis)).sum() for axis in (1, 0))
    expected = in_classes * in_clusters / max(_pairs(counts.sum()), 1.0)
    most = (in_classes + in_clusters) / 2
    return 1.0 if most == expected else float((together - expected) / (most - expected))


def adjusted_mutual_information(truth: np.ndarray, labels: np.ndarray) -> float:
    """Mutual information of two labellings (n,), less what is expected by chance, over the mean of their entropies less
    the same: 1 if they agree, 0 on average by chance.

    N. X. Vinh, J. Epps & J. Bailey, J. Mach. Learn. Res. 11, 2837 (2010), with the arithmetic mean.
    """
    counts = contingency(truth, labels)
    if len(counts) == counts.shape[1] == 1:
        return 1.0
    expected = _expected_information(counts)
    mean = (_entropy(counts.sum(axis=1)) + _entropy(counts.sum(axis=0))) / 2
    found = _entropy(counts.sum(axis=1)) + _entropy(counts.sum(axis=0)) - _entropy(counts.ravel())
    least = np.finfo(np.float64).eps  # of the denominator: all items may be alone, in both
    above, below = found - expected, mean - expected
    return float(above / (max(below, least) if below >= 0 else min(below, -least)))


def matched_clusters(truth: np.ndarray, labels: np.ndarray) -> tuple[dict[int, int], float]:
    """The cluster of each class if each has at most one of its own and as many items (n,) as possible agree, and the
    share of items that do (H. W. Kuhn, Nav. Res. Logist. Q. 2, 83, 1955).
    """
    counts = contingency(truth, labels)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    classes, clusters = np.unique(truth), np.unique(labels)
    matched = {int(classes[row]): int(clusters[column]) for row, column in zip(rows, columns, strict=True)}
    return matched, float(counts[rows, columns].sum() / max(counts.sum(), 1))


def _pairs(counts: np.ndarray) -> np.ndarray:
    counts = np.asarray(counts, dtype=np.float64)
    return counts * (counts - 1) / 2


def _entropy(counts: np.ndarray) -> float:
    """Of the distribution of items, in nats."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def _expected_information(counts: np.ndarray) -> float:
    """The mean mutual information, in nats, of random labellings with the same sizes of classes and clusters: each
    number in common has a hypergeometric distribution.
    """
    total = int(counts.sum())
    sizes, of_sizes = np.unique(counts.sum(axis=1), return_counts=True)
    others, of_others = np.unique(counts.sum(axis=0), return_counts=True)
    expected = 0.0
    for a, how_often in zip(sizes.tolist(), of_sizes.tolist(), strict=True):
        for b, as_often in zip(others.tolist(), of_others.tolist(), strict=True):
            common = np.arange(max(1, a + b - total), min(a, b) + 1)
            chance = np.exp(_log_choose(a, common) + _log_choose(total - a, b - common) - _log_choose(total, b))
            information = common / total * np.log(total * common / (a * b))
            expected += how_often * as_often * float((information * chance).sum())
    return expected


def _log_choose(n: int, k: np.ndarray | int) -> np.ndarray:
    return gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1)
