"""Fourier values of images against closed forms and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from half_images import image_of_half

from cryotools.heterogeneity.fourier import shift_phases
from cryotools.heterogeneity.halfspace import half_circle, half_values, noise_spectrum, soft_window

BOX = 32
K = half_circle(BOX)


def gaussian(x0: float = 0.0, y0: float = 0.0, sigma: float = 2.0) -> np.ndarray:
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    return np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2)).astype(np.float32)


@pytest.mark.parametrize(("box", "count"), [(30, 708), (64, 3208), (128, 12852)])
def test_half_a_circle_has_half_the_frequencies_each_once(box: int, count: int) -> None:
    found = half_circle(box)
    assert 2 * len(found) == count
    both = {tuple(one) for one in np.concatenate([found, -found]).tolist()}
    assert len(both) == count
    assert (0, 0) not in both
    assert np.array_equal(half_circle(box, rim=False), found[np.hypot(*found.T) < box / 2])
    inner = half_circle(box, box / 4)
    assert np.array_equal(inner, found[: len(inner)])


def test_a_gaussian_has_the_transform_of_its_closed_form() -> None:
    found = half_values(gaussian()[None], K)[0]
    expected = 2 * np.pi * 4 * np.exp(-2 * np.pi**2 * 4 * (K**2).sum(axis=1) / BOX**2)
    assert np.allclose(found, expected, atol=2e-3)
    moved = half_values(gaussian(3, -2)[None], K)[0]
    phase = np.exp(-2j * np.pi * (3 * K[:, 0] - 2 * K[:, 1]) / BOX)
    assert np.allclose(moved, expected * phase, atol=2e-3)


def test_a_shift_moves_an_image_along_x_and_y() -> None:
    image = np.random.default_rng(0).normal(size=(1, BOX, BOX))
    by_phase = half_values(image, K) * shift_phases(np.array([[5, -3]]), K / BOX)
    rolled = half_values(np.roll(image, (-3, 5), axis=(1, 2)), K)
    inside = np.abs(K).max(axis=1) < BOX // 2
    assert np.allclose(by_phase[:, inside], rolled[:, inside], atol=1e-3)


def test_an_image_without_corners_of_its_transform_comes_back() -> None:
    image = gaussian(1, 2)[None]
    back = image_of_half(half_values(image, K), K, BOX)
    assert np.allclose(back, image - image.mean(), atol=1e-3)


def test_the_window_is_1_in_the_middle_and_0_at_the_rim() -> None:
    window = soft_window(BOX)
    assert window[BOX // 2, BOX // 2] == 1
    assert window[BOX // 2, 0] == window[0, 0] == 0
    assert 0 < window[BOX // 2, BOX // 2 + 15] < 1


def test_the_noise_of_images_is_known_from_their_corners() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(0, 3, (400, BOX, BOX))
    found = noise_spectrum(noise + 50 * gaussian(), K)
    assert np.mean(found) == pytest.approx(3 * BOX, rel=0.05)
    blurred = np.fft.irfft2(
        np.fft.rfft2(noise) * np.exp(-3 * np.hypot(*np.meshgrid(np.fft.rfftfreq(BOX), np.fft.fftfreq(BOX))))
    )
    coloured = noise_spectrum(blurred, K)
    radius = np.hypot(*K.T) / BOX
    expected = 3 * BOX * np.exp(-3 * radius)
    assert np.mean(np.abs(coloured / expected - 1)[radius > 0.1]) < 0.15
    with pytest.raises(ValueError, match="no images"):
        noise_spectrum(noise[:0], K)
