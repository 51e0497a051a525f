from __future__ import annotations

import numpy as np
import pytest

from cryotools.metrics.bootstrap import bootstrap_interval


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation():
    values = np.random.default_rng(1).normal(0.7, 0.1, size=400)
    found = bootstrap_interval(values)
    half = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)
    assert found.n == 400


def test_it_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(200):
        found = bootstrap_interval(random.normal(size=40), level=0.8, draws=500)
        inside += found.low <= 0 <= found.high
    assert 0.7 < inside / 200 < 0.88


def test_it_is_the_same_every_time_and_serves_medians():
    values = [0.1, 0.5, 0.6, 0.9, 0.95]
    assert bootstrap_interval(values) == bootstrap_interval(values)
    median = bootstrap_interval(values, np.median)
    assert median.value == 0.6
    assert median.low >= 0.1
    assert median.high <= 0.95


def test_maps_without_a_score_do_not_count_and_one_has_no_interval():
    assert bootstrap_interval([0.5, np.nan, 0.7]).n == 2
    one = bootstrap_interval([np.nan, 0.5])
    assert (one.value, one.n) == (0.5, 1)
    assert np.isnan([one.low, one.high]).all()
    assert np.isnan(bootstrap_interval([]).value)


def test_two_maps_have_an_interval_from_the_one_to_the_other():
    found = bootstrap_interval([1.0, 3.0])
    assert (found.value, found.low, found.high, found.n) == (2.0, 1.0, 3.0, 2)
