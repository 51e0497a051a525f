from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from cryotools.training.calibration import fit_temperature


def _drawn(temperature: float, seed: int, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and classes that are drawn from them at a temperature."""
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal((count, 4))
    probabilities = softmax(logits / temperature, axis=1)
    return logits, (probabilities.cumsum(axis=1) < random.random((count, 1))).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_classes_were_drawn_at_is_found(temperature: float) -> None:
    assert fit_temperature(*_drawn(temperature, 0)) == pytest.approx(temperature, rel=0.06)


def test_a_large_map_counts_no_more_than_a_small_one() -> None:
    cold, hot = _drawn(0.6, 1, 4000), _drawn(2.0, 2, 1000)
    logits, classes = (np.concatenate(parts) for parts in zip(cold, hot, strict=True))
    alike = fit_temperature(logits, classes, np.repeat(["cold", "hot"], [4000, 1000]))
    by_size = fit_temperature(logits, classes)
    same = [
        np.concatenate([part, np.tile(other, (4, 1)) if other.ndim == 2 else np.tile(other, 4)])
        for part, other in zip(cold, hot, strict=True)
    ]
    assert by_size < alike - 0.1
    assert alike == pytest.approx(fit_temperature(*same), rel=1e-3)


def test_for_nothing_the_temperature_stays_and_it_has_limits() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == 1.0
    right = np.eye(3)[[0, 1, 2] * 50] * 5
    assert fit_temperature(right, np.array([0, 1, 2] * 50)) == pytest.approx(0.2, abs=0.01)
    assert fit_temperature(right, np.array([1, 2, 0] * 50)) == pytest.approx(5.0, abs=0.05)
