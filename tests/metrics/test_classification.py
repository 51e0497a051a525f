from __future__ import annotations

import numpy as np
import pytest

from cryotools.metrics.classification import confusion, expected_calibration_error, f1_per_class, recall_per_class

TRUTH = np.array([0, 0, 0, 1, 1, 2], dtype=np.uint8)
CALLED = np.array([0, 0, 1, 1, 0, 1], dtype=np.uint8)


def test_a_confusion_matrix_counts_truth_by_call():
    assert confusion(TRUTH, CALLED, 4).tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert confusion(TRUTH[:0], CALLED[:0], 2).tolist() == [[0, 0], [0, 0]]
    many = np.full(300, 3, dtype=np.uint8)
    assert confusion(many, many, 200)[3, 3] == 300  # no overflow of small integers


def test_recall_and_f1_are_as_by_hand():
    counts = confusion(TRUTH, CALLED, 4)
    assert recall_per_class(counts)[:3].tolist() == pytest.approx([2 / 3, 1 / 2, 0])
    assert np.isnan(recall_per_class(counts)[3])
    # class 0: recall 2/3, precision 2/3; class 1: recall 1/2, precision 1/3
    assert f1_per_class(counts)[:3].tolist() == pytest.approx([2 / 3, 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3), 0])
    assert np.isnan(f1_per_class(counts)[3])


def test_calibration_error_is_as_by_hand():
    confidence = np.array([0.95, 0.91, 0.62, 0.68, 0.30])
    correct = np.array([True, False, True, True, False])
    # bins (0.9, 1]: |0.93 - 0.5|, (0.6, 0.7]: |0.65 - 1|, (0.2, 0.3]: |0.3 - 0|
    expected = (2 * 0.43 + 2 * 0.35 + 1 * 0.30) / 5
    assert expected_calibration_error(confidence, correct) == pytest.approx(expected)
    assert expected_calibration_error(confidence, correct, 1) == pytest.approx(abs(confidence.mean() - 0.6))


def test_what_is_as_often_right_as_it_says_is_calibrated():
    assert expected_calibration_error(np.full(4, 0.75), np.array([1, 1, 1, 0], dtype=bool)) == pytest.approx(0)
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0
    assert expected_calibration_error(np.ones(3), np.zeros(3, dtype=bool)) == 1
    assert np.isnan(expected_calibration_error(np.ones(0), np.ones(0, dtype=bool)))
