"""Plots of confusion and of confidence."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.anchors.plots import draw_confidence, draw_confusion, reliability_bins


def test_bins_hold_the_mean_confidence_and_the_fraction_right() -> None:
    confidence = np.array([0.0, 0.02, 0.5, 0.95, 1.0, 1.0])
    right = np.array([False, False, True, True, True, False])
    mean, fraction = reliability_bins(confidence, right)
    assert mean == pytest.approx([0.01, 0.5, 2.95 / 3])
    assert fraction == pytest.approx([0, 1, 2 / 3])
    assert [len(part) for part in reliability_bins(confidence[:0], right[:0])] == [0, 0]


@pytest.mark.parametrize("count", [0, 1, 40])
def test_plots_are_drawn_of_any_number_of_residues(tmp_path, count) -> None:
    random = np.random.default_rng(0)
    confidence = random.random(count)
    draw_confidence(tmp_path / "confidence.png", confidence, random.random(count) < confidence)
    types = random.integers(20, size=(2, count))
    counts = np.zeros((20, 20), dtype=int)
    np.add.at(counts, tuple(types), 1)
    draw_confusion(tmp_path / "confusion.png", counts)
    assert all((tmp_path / name).stat().st_size > 5_000 for name in ("confidence.png", "confusion.png"))
