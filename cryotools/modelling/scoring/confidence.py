"""Whether the confidences that a model gives its residues, as B factors in per cent, can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.metrics.classification import expected_calibration_error
from cryotools.metrics.detection import risk_coverage

BINS = 10
SURE = 0.9


@dataclass(frozen=True)
class ConfidenceScores:
    """Confidences of residues against whether they are right: their Cα within 3 Å of that of a residue of their type,
    or of any if their own is unknown.

    Attributes
    ----------
    mean, right : the mean confidence and the fraction that is right, which are alike if it is calibrated
    ece : expected calibration error (10 bins)
    sure, sure_right : the fraction of residues with a confidence of 0.9 or more, and how many of these are right
    risk : area under the risk-coverage curve: the mean fraction wrong among the most confident
    reliability : for each bin with residues its lower edge, number, mean confidence and fraction right
    """

    mean: float
    right: float
    ece: float
    sure: float
    sure_right: float
    risk: float
    reliability: tuple[tuple[float, int, float, float], ...]


def confidence_scores(confidence: np.ndarray, right: np.ndarray) -> ConfidenceScores:
    """Scores of confidences (n,) from 0 to 1 of residues that are `right` bool (n,)."""
    sure = confidence >= SURE
    which = np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1).astype(int)  # upper edges belong to a bin, as for ECE
    bins = [(each, which == each) for each in np.unique(which).tolist()]
    return ConfidenceScores(
        mean=float(confidence.mean()),
        right=float(right.mean()),
        ece=expected_calibration_error(confidence, right, BINS),
        sure=float(sure.mean()),
        sure_right=float(right[sure].mean()) if sure.any() else float("nan"),
        risk=risk_coverage(confidence, right).area(),
        reliability=tuple(
            (each / BINS, int(mine.sum()), float(confidence[mine].mean()), float(right[mine].mean()))
            for each, mine in bins
        ),
    )
