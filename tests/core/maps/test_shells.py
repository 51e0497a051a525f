from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryotools.core.maps.shells import Shells, match_amplitudes


@pytest.fixture
def noise():
    return np.random.default_rng(1).standard_normal((20, 25, 32)).astype(np.float32)


def test_the_shells_hold_every_coefficient_of_the_whole_spectrum_up_to_nyquist(noise):
    shells = Shells(noise.shape, (1.0, 1.2, 1.5))
    z, y, x = (np.fft.fftfreq(n, step) for n, step in zip(noise.shape, (1.5, 1.2, 1.0), strict=True))
    radius = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    power = np.abs(np.fft.fftn(noise)) ** 2
    width = shells.frequency[1]
    for number in (0, 3, len(shells.frequency) - 1):
        inside = np.rint(radius / width) == number
        assert shells.count[number] == inside.sum()
        assert shells.sum(np.abs(shells.transform(noise)) ** 2)[number] == pytest.approx(power[inside].sum(), rel=1e-4)


def test_there_and_back_is_the_identity(noise):
    shells = Shells(noise.shape, (1.0, 1.0, 1.0))
    assert np.allclose(shells.scale(noise, np.ones(len(shells.frequency))), noise, atol=1e-5)


def test_a_gaussian_factor_blurs_as_a_gaussian_does():
    point = np.zeros((65, 65, 65), dtype=np.float32)
    point[32, 32, 32] = 1
    shells = Shells(point.shape, (1.0, 1.0, 1.0))
    sigma = 2.0
    blurred = shells.scale(point, np.exp(-2 * np.pi**2 * sigma**2 * shells.frequency**2))
    distance = np.arange(65) - 32
    exact = np.exp(-(distance**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2) ** 1.5
    assert np.abs(blurred[32, 32] - exact).max() < 0.02 * exact.max()  # linear between shells


def test_matched_amplitudes_are_the_reference_s_and_phases_stay(noise):
    smooth = gaussian_filter(np.random.default_rng(2).standard_normal(noise.shape), 0.7).astype(np.float32)
    matched = match_amplitudes(noise, smooth, (1.0, 1.0, 1.0))
    shells = Shells(noise.shape, (1.0, 1.0, 1.0))
    assert np.allclose(shells.amplitude(matched)[1:-1], shells.amplitude(smooth)[1:-1], rtol=1e-3)
    before, after = shells.transform(noise), shells.transform(matched)
    assert np.corrcoef(np.angle(before).ravel(), np.angle(after).ravel())[0, 1] > 0.99


def test_a_b_factor_changes_amplitudes_up_to_the_resolution_and_no_further(noise):
    shells = Shells(noise.shape, (1.0, 1.0, 1.0))
    s = shells.frequency
    for b in (80.0, -60.0):
        ratio = shells.amplitude(shells.change_b(noise, b, 4.0)) / shells.amplitude(noise)
        within, beyond = (s > 0.05) & (s < 0.22), s > 0.3
        np.testing.assert_allclose(ratio[within], np.exp(-b * s[within] ** 2 / 4), rtol=0.06)
        np.testing.assert_allclose(ratio[beyond], np.exp(-b / 64), rtol=0.02)
