"""Solvent is where two halves share nothing."""

from __future__ import annotations

import numpy as np
import pytest
import subspace_images as known

from cryotools.heterogeneity.linear.solvent import shared_share


def test_equal_halves_are_all_signal_and_opposite_ones_none() -> None:
    volume = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    assert shared_share(volume, volume) == pytest.approx(1)
    assert not shared_share(volume, -volume).any()
    assert not shared_share(np.zeros_like(volume), np.zeros_like(volume)).any()


def test_share_is_a_wiener_filter_where_signal_and_noise_are_uniform() -> None:
    # halves 2 + 1 and 2 - 1: the product is 3 everywhere, half the squared difference 2
    one = np.ones((8, 8, 8), dtype=np.float32)
    assert shared_share(3 * one, 1 * one) == pytest.approx(3 / (3 + 2))


def test_noise_falls_outside_a_particle_and_the_particle_stays() -> None:
    random = np.random.default_rng(1)
    halves = [known.MEAN + 0.2 * random.normal(size=known.MEAN.shape).astype(np.float32) for _ in range(2)]
    share = shared_share(*halves)
    particle, solvent = known.MEAN > 1, known.MEAN < 1e-3
    assert share[particle].min() > 0.9
    assert share[solvent].mean() < 0.3
    before, after = (halves[0] + halves[1]) / 2, share * (halves[0] + halves[1]) / 2
    assert np.square(after - known.MEAN).sum() < 0.5 * np.square(before - known.MEAN).sum()
