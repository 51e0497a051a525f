"""The regression that combines evidence."""

from __future__ import annotations

import numpy as np

from cryotools.sites.learning.combine import fit_combination


def test_true_coefficients_are_found_and_a_kind_without_sites_keeps_the_network():
    random = np.random.default_rng(0)
    values = random.normal(size=(2, 50_000, 3))
    values[..., 2] = 1
    wanted = np.array([0.8, 1.5, -2.0])
    truth = random.random((2, 50_000)) < 1 / (1 + np.exp(-(values @ wanted)))
    truth[1] = False
    known = np.ones_like(truth)
    known[0, :100] = False
    truth[0, :100] = True
    fitted = fit_combination(values, truth, known)
    assert np.allclose(fitted[0], wanted, atol=0.08)
    assert fitted[1].tolist() == [1, 0, 0]
