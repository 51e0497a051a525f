"""Scores of things found in space: one-to-one matching, precision against recall, risk against coverage.

A residue, an atom or a site counts as found once: of several detections around it one is right and the rest are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Matching:
    """Pairs of `found` and `truth` indices (k,), and the distance (k,) between them in Å."""

    found: np.ndarray
    truth: np.ndarray
    distance: np.ndarray

    def __len__(self) -> int:
        return len(self.found)


def match_points(found: np.ndarray, truth: np.ndarray, radius: float) -> Matching:
    """Match detections (n, 3) one-to-one with true positions (m, 3) that lie within `radius` Å of them.

    As many pairs as possible are made, and among such matchings the one with the least total distance is taken. Pairs
    come in the order of `found`.
    """
    from scipy.sparse import csr_array, hstack
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching
    from scipy.spatial import cKDTree

    nothing = np.zeros(0, dtype=int)
    if not len(found) or not len(truth):
        return Matching(nothing, nothing, np.zeros(0))
    near = cKDTree(found).sparse_distance_matrix(cKDTree(truth), radius, output_type="coo_matrix")
    if not near.nnz:
        return Matching(nothing, nothing, np.zeros(0))
    # every detection may also stay alone, at a cost that no saving of distance outweighs
    alone = 2.0 * (radius + 1) * (min(len(found), len(truth)) + 1)
    each = np.arange(len(found))
    costs = csr_array((near.data + 1.0, (near.row, near.col)), shape=(len(found), len(truth)))
    stay = csr_array((np.full(len(found), alone), (each, each)), shape=(len(found), len(found)))
    row, column = min_weight_full_bipartite_matching(hstack([costs, stay], format="csr"))
    paired = column < len(truth)
    row, column = row[paired], column[paired]
    return Matching(row, column, np.linalg.norm(found[row] - truth[column], axis=1))


def is_right(count: int, matching: Matching) -> np.ndarray:
    """Which of `count` detections were matched, bool (count,)."""
    right = np.zeros(count, dtype=bool)
    right[matching.found] = True
    return right


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall (k,) of all detections whose confidence is at least `threshold` (k,), highest first."""

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def average_precision(self) -> float:
        """Area under the steps of precision over recall; NaN where there is no detection."""
        if not len(self.recall):
            return float("nan")
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def recall_at(self, precision: float) -> float:
        """The largest recall whose precision is at least `precision`; 0 where none is."""
        enough = self.precision >= precision
        return float(self.recall[enough].max()) if enough.any() else 0.0


def precision_recall(confidence: np.ndarray, right: np.ndarray, n_truth: int) -> PrecisionRecall:
    """Precision and recall at every confidence (n,) that occurs; `right` bool (n,) of `n_truth` things to be found.

    Detections of one confidence are taken or left together, so the order in which they are listed plays no part.
    """
    threshold, correct, taken = _cumulative(confidence, right)
    return PrecisionRecall(threshold, correct / np.maximum(taken, 1), correct / max(n_truth, 1))


@dataclass(frozen=True)
class RiskCoverage:
    """Share of wrong answers (k,) among the `coverage` (k,) most confident ones (R. El-Yaniv and Y. Wiener 2010)."""

    threshold: np.ndarray
    coverage: np.ndarray
    risk: np.ndarray

    def area(self) -> float:
        """Area under risk over coverage (AURC; Y. Geifman and R. El-Yaniv 2017); lower is better, NaN for nothing."""
        if not len(self.risk):
            return float("nan")
        return float(np.sum(np.diff(self.coverage, prepend=0.0) * self.risk))

    def coverage_at(self, risk: float) -> float:
        """The largest coverage whose risk is at most `risk`; 0 where none is."""
        enough = self.risk <= risk
        return float(self.coverage[enough].max()) if enough.any() else 0.0


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> RiskCoverage:
    """Risk at every confidence (n,) that occurs, `right` bool (n,), the most confident answers first."""
    threshold, correct, taken = _cumulative(confidence, right)
    return RiskCoverage(threshold, taken / max(len(confidence), 1), 1 - correct / np.maximum(taken, 1))


def _cumulative(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences that occur, highest first, and how many answers at least as confident are right, and there."""
    order = np.argsort(-np.asarray(confidence, dtype=np.float64), kind="stable")
    sorted_confidence = np.asarray(confidence, dtype=np.float64)[order]
    last = np.flatnonzero(np.append(np.diff(sorted_confidence) != 0, True))[: len(order)]
    correct = np.cumsum(np.asarray(right, dtype=np.int64)[order])
    return sorted_confidence[last], correct[last], last + 1
