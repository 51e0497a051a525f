"""Logistic calibration of scores whose probabilities are known."""

from __future__ import annotations

import numpy as np

from cryotools.sites.learning.calibrate import fit_logistic


def test_the_true_scale_and_offset_are_found():
    random = np.random.default_rng(0)
    scores = random.normal(0, 2, 200_000)
    truth = random.random(len(scores)) < 1 / (1 + np.exp(-(0.7 * scores - 1.5)))
    assert np.allclose(fit_logistic(scores, truth), (0.7, -1.5), atol=0.02)


def test_scores_that_mislead_are_not_turned_round():
    scale, offset = fit_logistic(np.array([-1.0, -1.0, 1.0, 1.0]), np.array([True, True, False, False]))
    assert scale == 0.05
    assert abs(offset) < 0.1


def test_nothing_changes_nothing():
    assert fit_logistic(np.zeros(0), np.zeros(0, dtype=bool)) == (1.0, 0.0)
