from __future__ import annotations

import numpy as np
import pytest

from cryotools.metrics.fsc import ShellCorrelation, fourier_shell_correlation, fsc_area, largest_fsc_area

UNIT = (1.0, 1.0, 1.0)
BOXES = [(16, 16, 16), (17, 17, 17), (12, 15, 20), (21, 8, 14)]


def noise(shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def slow_fsc(a, b, voxel_size):
    """The definition on the full transform: every coefficient once, shells of the longest edge's step."""
    fa, fb = np.fft.fftn(a), np.fft.fftn(b)
    steps = voxel_size[::-1]
    z, y, x = np.meshgrid(*(np.fft.fftfreq(n, d) for n, d in zip(a.shape, steps, strict=True)), indexing="ij")
    width = 1 / max(n * d for n, d in zip(a.shape, steps, strict=True))
    shell = np.rint(np.sqrt(x**2 + y**2 + z**2) / width).astype(int)
    values, counts = [], []
    number = 1
    while number * width <= 0.5 / max(steps) + 1e-9:
        at = shell == number
        values.append(
            (fa[at] * fb[at].conj()).real.sum() / np.sqrt((abs(fa[at]) ** 2).sum() * (abs(fb[at]) ** 2).sum())
        )
        counts.append(at.sum())
        number += 1
    return np.array(values), np.array(counts)


@pytest.mark.parametrize("shape", BOXES)
@pytest.mark.parametrize("voxel_size", [UNIT, (1.3, 1.3, 1.3), (1.0, 1.5, 0.8)])
def test_curves_follow_the_definition_in_any_box(shape, voxel_size):
    a = noise(shape)
    b = a + noise(shape, 1)
    curve = fourier_shell_correlation(a, b, voxel_size)
    values, counts = slow_fsc(a, b, voxel_size)
    assert np.array_equal(curve.count, counts)
    assert np.allclose(curve.correlation, values, atol=1e-5)
    width = 1 / max(n * d for n, d in zip(shape[::-1], voxel_size, strict=True))
    assert np.allclose(curve.frequency, width * np.arange(1, len(values) + 1))
    assert curve.frequency[-1] <= 0.5 / max(voxel_size) + 1e-9


@pytest.mark.parametrize("shape", BOXES)
def test_a_map_agrees_with_itself_everywhere(shape):
    a = noise(shape)
    assert np.allclose(fourier_shell_correlation(a, a, UNIT).correlation, 1, atol=1e-5)
    assert np.allclose(fourier_shell_correlation(a, -3 * a + 7, UNIT).correlation, -1, atol=1e-5)


def test_white_noise_correlates_to_0_with_the_variance_of_its_count():
    curves = [fourier_shell_correlation(noise((24,) * 3, 2 * i), noise((24,) * 3, 2 * i + 1), UNIT) for i in range(60)]
    values = np.array([curve.correlation for curve in curves])
    # Friedel mates are one measurement: n coefficients hold n/2 complex ones, n real ones, and var = 1/n
    scaled = values * np.sqrt(curves[0].count)
    assert np.abs(scaled.mean(axis=0)).max() < 4 / np.sqrt(60)
    assert scaled.var() == pytest.approx(1, rel=0.15)


def test_a_map_with_noise_of_known_spectrum_gives_the_expected_curve():
    n = 48
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*[np.fft.fftfreq(n)] * 3, indexing="ij")))
    signal = np.fft.ifftn(np.fft.fftn(noise((n,) * 3)) * np.exp(-20 * frequency**2)).real
    added = np.fft.ifftn(np.fft.fftn(noise((n,) * 3, 1)) * 0.5 * frequency).real
    curve = fourier_shell_correlation(signal, signal + added, UNIT)
    ratio = (0.5 * curve.frequency) ** 2 / np.exp(-40 * curve.frequency**2)
    expected = 1 / np.sqrt(1 + ratio)
    assert np.abs(curve.correlation - expected)[3:].max() < 0.06
    assert np.sqrt(np.mean((curve.correlation - expected) ** 2)) < 0.02
    assert curve.correlation[-1] < 0.2 < 0.98 < curve.correlation[2]


def test_a_shift_turns_phases_as_a_wave_does():
    a = noise((20, 20, 20))
    shifted = np.roll(a, 1, axis=2)
    curve = fourier_shell_correlation(a, shifted, UNIT)
    # the mean of cos(2 pi f x) over a sphere of radius f is sinc
    assert np.allclose(curve.correlation[2:], np.sinc(2 * curve.frequency[2:]), atol=0.12)


def test_a_shell_without_power_has_no_correlation():
    a = np.zeros((8, 8, 8))
    a[0, 0, 0] = 1
    curve = fourier_shell_correlation(a, np.full((8, 8, 8), 3.0), UNIT)
    assert np.isnan(curve.correlation).all()
    assert curve.resolution_at(0.5) is None
    wave = np.broadcast_to([1.0, 0.0, -1.0, 0.0] * 2, (8, 8, 8))  # power in the second shell alone
    known = fourier_shell_correlation(a, wave, UNIT).correlation
    assert np.flatnonzero(np.isfinite(known)).tolist() == [1]


def curve_of(*values: float) -> ShellCorrelation:
    n = len(values)
    return ShellCorrelation(0.1 * np.arange(1, n + 1), np.array(values), np.full(n, 10))


def test_resolutions_are_interpolated_between_shells():
    curve = curve_of(1.0, 0.9, 0.4, 0.0)
    assert curve.resolution_at(0.5) == pytest.approx(1 / (0.2 + 0.1 * 0.8))
    assert curve.resolution_at(0.143) == pytest.approx(1 / (0.3 + 0.1 * (0.4 - 0.143) / 0.4))


def test_shells_that_are_not_defined_are_passed_over():
    nan = float("nan")
    assert curve_of(1.0, nan, 0.0).resolution_at(0.5) == pytest.approx(1 / 0.2)
    assert curve_of(nan, 1.0, 0.9, nan).resolution_at(0.5) is None
    assert curve_of(nan, 0.1, 0.9).resolution_at(0.5) == pytest.approx(1 / 0.2)


def test_the_first_crossing_counts():
    assert curve_of(1.0, 0.0, 1.0, 0.0).resolution_at(0.5) == pytest.approx(1 / 0.15)


def test_a_curve_that_stays_above_has_no_crossing():
    assert curve_of(1.0, 0.9, 0.8).resolution_at(0.5) is None
    assert curve_of(1.0, 0.5, 0.5).resolution_at(0.5) is None  # touching is not falling below


def test_a_curve_that_begins_below_crosses_at_its_first_shell():
    assert curve_of(0.1, 0.9).resolution_at(0.5) == pytest.approx(10)


def test_the_area_is_that_of_trapezoids_over_shells_by_the_box():
    curve = curve_of(0.8, float("nan"), -0.2, 0.5)  # shells 1 to 4 of 8 voxels: the last one is left out
    assert fsc_area(curve, 8) == pytest.approx((0.9 + 0.4 - 0.1) / 8)
    same = noise((8, 8, 8))
    assert fsc_area(fourier_shell_correlation(same, same, (1, 1, 1)), 8) == pytest.approx(largest_fsc_area(8)) == 3 / 8
