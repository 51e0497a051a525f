"""Scores of detections in space: one-to-one matching, precision-recall, risk-coverage.

A residue, atom or site counts as found once: of several detections around it, one is correct and the rest are wrong.
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
    """Match detections (n, 3) one-to-one with true positions (m, 3) within `radius` Å.

    The matching has the maximum number of pairs and, among those, the least total distance. Pairs are in the order of
    `found`.
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
    # every detection may stay unmatched, at a cost that no saving in distance outweighs
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
    """Precision and recall (k,) of all detections with confidence at least `threshold` (k,), highest first."""

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def average_precision(self) -> float:
        """Area under the precision-recall step curve; NaN without detections."""
        if not len(self.recall):
            return float("nan")
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def recall_at(self, precision: float) -> float:
        """The largest recall at a precision of at least `precision`; 0 if there is none."""
        enough = self.precision >= precision
        return float(self.recall[enough].max()) if enough.any() else 0.0


def precision_recall(confidence: np.ndarray, right: np.ndarray, n_truth: int) -> PrecisionRecall:
    """Precision and recall at every distinct confidence (n,), for correct detections `right` bool (n,) and `n_truth`
    targets.

    Detections of equal confidence are accepted or rejected together, so their order does not matter.
    """
    threshold, correct, taken = _cumulative(confidence, right)
    return PrecisionRecall(threshold, correct / np.maximum(taken, 1), correct / max(n_truth, 1))


@dataclass(frozen=True)
class RiskCoverage:
    """Fraction of errors (k,) among the `coverage` (k,) most confident predictions (R. El-Yaniv and Y. Wiener 2010)."""

    threshold: np.ndarray
    coverage: np.ndarray
    risk: np.ndarray

    def area(self) -> float:
        """Area under the risk-coverage curve (AURC; Y. Geifman and R. El-Yaniv 2017); lower is better, NaN if empty."""
        if not len(self.risk):
            return float("nan")
        return float(np.sum(np.diff(self.coverage, prepend=0.0) * self.risk))

    def coverage_at(self, risk: float) -> float:
        """The largest coverage at a risk of at most `risk`; 0 if there is none."""
        enough = self.risk <= risk
        return float(self.coverage[enough].max()) if enough.any() else 0.0


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> RiskCoverage:
    """Risk at every distinct confidence (n,), for correct predictions `right` bool (n,), most confident first."""
    threshold, correct, taken = _cumulative(confidence, right)
    return RiskCoverage(threshold, taken / max(len(confidence), 1), 1 - correct / np.maximum(taken, 1))


def _cumulative(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct confidences, highest first, with the cumulative numbers of correct and of all predictions."""
    order = np.argsort(-np.asarray(confidence, dtype=np.float64), kind="stable")
    sorted_confidence = np.asarray(confidence, dtype=np.float64)[order]
    last = np.flatnonzero(np.append(np.diff(sorted_confidence) != 0, True))[: len(order)]
    correct = np.cumsum(np.asarray(right, dtype=np.int64)[order])
    return sorted_confidence[last], correct[last], last + 1
