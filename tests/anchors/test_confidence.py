"""Calibration of confidences, on outcomes drawn from known probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from cryotools.anchors.calibration import Calibration
from cryotools.anchors.confidence import Evidence, fit_weights, probability
from cryotools.core.errors import DataError
from cryotools.metrics.classification import expected_calibration_error


def test_the_fit_finds_the_weights_that_outcomes_were_drawn_with() -> None:
    random = np.random.default_rng(0)
    features = np.stack([np.ones(40000), *random.normal(0, 1, (2, 40000))], axis=1)
    right = random.random(40000) < expit(features @ [-0.5, 1.5, -0.7])
    found = fit_weights(features, right, random.integers(0, 4, 40000), penalty=0)
    assert np.allclose(found, [-0.5, 1.5, -0.7], atol=0.06)


def test_maps_have_equal_weight_whatever_their_size() -> None:
    right = np.concatenate([np.ones(1000), np.zeros(10)]).astype(bool)
    group = np.repeat([0, 1], [1000, 10])
    (constant,) = fit_weights(np.ones((1010, 1)), right, group)
    assert expit(constant) == pytest.approx(0.5, abs=0.01)


def test_the_default_takes_the_networks_at_their_word() -> None:
    types = np.full((2, 20), 0.3 / 19)
    types[:, 4] = 0.7
    evidence = Evidence(np.array([0.9, 0.2]), np.zeros(2), np.ones(2), types, np.ones(2), np.zeros(2), 3.0)
    presence, forward, right = Calibration().judge(evidence)
    assert np.allclose(presence, [0.9, 0.2], atol=1e-3)
    assert np.allclose(forward, 0.5)
    assert np.allclose(right, 0.7, atol=1e-3)


def test_a_calibration_survives_its_text() -> None:
    made = Calibration((0.1, 1.0, 0.2, 0.0, -1.0), (0.0, 1.0, 0.5, 0.25, 0.1, 0.0, -0.5), 0.3)
    assert Calibration.from_text(made.to_text()) == made
    assert Calibration.from_text(None) == Calibration()
    with pytest.raises(DataError, match="calibration is damaged"):
        Calibration.from_text('{"presence": [1]}')


def test_calibrated_probabilities_have_a_small_error() -> None:
    random = np.random.default_rng(1)
    odds = random.normal(0, 2, 20000)
    right = random.random(20000) < expit(0.5 * odds)  # overconfident by a factor of two
    features = np.stack([np.ones(20000), odds], axis=1)
    weights = fit_weights(features[:10000], right[:10000], np.zeros(10000))
    before, after = (
        expected_calibration_error(probability(features[10000:], one), right[10000:]) for one in ((0, 1), weights)
    )
    assert after < 0.02 < before
