from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from cryotools.core.errors import ArgumentError
from cryotools.heterogeneity.fourier import (
    VOLUME,
    at_negative,
    fourier_crop,
    hartley_of,
    image_frequencies,
    map_grid,
    move_images,
    shift_phases,
    slice_frequencies,
    spectrum_of,
    values_of,
    values_of_hartley,
)

BOX, SIGMA = 24, 1.7
POINTS = np.array([[3.0, -2.0, 1.0], [-4.5, 1.25, 2.0], [0.5, 4.0, -3.5]])
WEIGHTS = np.array([1.0, 0.6, 1.5])


def _gaussians(points: np.ndarray, box: int = BOX, sigma: float = SIGMA) -> np.ndarray:
    """Sum of normalised Gaussians at points (n, d), relative to pixel D // 2, on a grid of d axes (..., y, x)."""
    axis = np.arange(box) - box // 2
    total = np.zeros((box,) * points.shape[1])
    for point, weight in zip(points, WEIGHTS, strict=True):
        part = np.array(weight)
        for at in point[::-1]:
            part = part[..., None] * np.exp(-((axis - at) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
        total += part
    return total


def _spectrum(points: np.ndarray, frequencies: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """The closed form of the transform of `_gaussians` at frequencies (..., d)."""
    falloff = np.exp(-2 * np.pi**2 * sigma**2 * (frequencies**2).sum(axis=-1))
    return falloff * (np.exp(-2j * np.pi * frequencies @ points.T) @ WEIGHTS)


def test_the_transform_of_gaussians_is_their_closed_form() -> None:
    expected = _spectrum(POINTS[:, :2], image_frequencies(BOX))
    np.testing.assert_allclose(spectrum_of(_gaussians(POINTS[:, :2])), expected, atol=1e-3)


def test_a_projection_of_a_rotated_volume_is_a_central_slice_of_its_transform() -> None:
    rotations = Rotation.random(5, random_state=1).as_matrix()
    frequencies = image_frequencies(BOX).reshape(-1, 2)
    slices = _spectrum(POINTS, slice_frequencies(frequencies, rotations))
    for rotation, values in zip(rotations, slices, strict=True):
        projected = _gaussians((POINTS @ rotation.T)[:, :2])
        np.testing.assert_allclose(spectrum_of(projected).ravel(), values, atol=2e-3)


def test_the_unrotated_slice_of_a_volume_is_the_transform_of_its_sum_along_z() -> None:
    volume = _gaussians(POINTS)
    slice_ = spectrum_of(volume, VOLUME)[BOX // 2]
    np.testing.assert_allclose(slice_, spectrum_of(volume.sum(axis=0)), atol=1e-9)


@pytest.mark.parametrize("box", [8, 9])
@pytest.mark.parametrize("axes", [2, 3])
def test_the_transforms_invert(box: int, axes: int) -> None:
    values = np.random.default_rng(0).normal(size=(2, *(box,) * axes))
    np.testing.assert_allclose(values_of(spectrum_of(values, axes), axes), values, atol=1e-12)
    np.testing.assert_allclose(values_of_hartley(hartley_of(values, axes), axes), values, atol=1e-12)


@pytest.mark.parametrize("box", [8, 9])
def test_a_hartley_transform_is_a_sum_of_cosines_and_sines(box: int) -> None:
    image = np.random.default_rng(1).normal(size=(box, box))
    axis = np.arange(box) - box // 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    phase = 2 * np.pi * (image_frequencies(box) @ np.stack([x.ravel(), y.ravel()]))
    np.testing.assert_allclose(hartley_of(image), (np.cos(phase) + np.sin(phase)) @ image.ravel(), atol=1e-9)


@pytest.mark.parametrize("box", [8, 9])
def test_the_transform_of_a_real_image_at_negative_frequencies_is_its_conjugate(box: int) -> None:
    spectrum = spectrum_of(np.random.default_rng(2).normal(size=(3, box, box)))
    np.testing.assert_allclose(at_negative(spectrum), spectrum.conj(), atol=1e-12)
    tensor = torch.from_numpy(spectrum)
    np.testing.assert_allclose(at_negative(tensor).numpy(), spectrum.conj(), atol=1e-12)


def test_a_shift_by_whole_pixels_rolls_the_image() -> None:
    images = np.random.default_rng(3).normal(size=(2, 10, 10))
    moved = move_images(images, np.array([[0.3, 0.2], [-0.1, 0.0]]))
    np.testing.assert_allclose(moved[0], np.roll(images[0], (2, 3), axis=(0, 1)), atol=1e-12)
    np.testing.assert_allclose(moved[1], np.roll(images[1], (0, -1), axis=(0, 1)), atol=1e-12)


def test_a_shift_by_parts_of_a_pixel_moves_a_gaussian() -> None:
    shift = np.array([1.3, -0.6])
    moved = move_images(_gaussians(POINTS[:, :2])[None], shift[None] / BOX)[0]
    np.testing.assert_allclose(moved, _gaussians(POINTS[:, :2] + shift), atol=1e-4)


def test_the_phases_of_a_shift_apply_to_hartley_transforms_as_cosine_and_sine() -> None:
    image, shift = np.random.default_rng(4).normal(size=(9, 9)), np.array([[2.0, -1.0]])
    phases = shift_phases(shift, image_frequencies(9).reshape(-1, 2)).reshape(9, 9)
    hartley = hartley_of(image)
    moved = phases.real * hartley - phases.imag * at_negative(hartley)
    np.testing.assert_allclose(moved, hartley_of(np.roll(image, (-1, 2), axis=(0, 1))), atol=1e-9)


def test_a_fourier_crop_samples_the_same_gaussians_more_coarsely() -> None:
    whole = _gaussians(POINTS[:, :2], 48, 4.0)
    np.testing.assert_allclose(fourier_crop(whole, 24), whole[::2, ::2], atol=1e-4)


@pytest.mark.parametrize(("full", "box"), [(12, 8), (12, 7), (9, 6), (9, 5)])
def test_a_fourier_crop_keeps_grey_values_and_the_centre(full: int, box: int) -> None:
    np.testing.assert_allclose(fourier_crop(np.full((2, full, full), 3.0), box), 3.0)
    point = np.zeros((full,) * 3)
    point[(full // 2,) * 3] = 1
    cropped = fourier_crop(point, box, VOLUME)
    assert np.unravel_index(cropped.argmax(), cropped.shape) == (box // 2,) * 3


def test_a_fourier_crop_cannot_enlarge() -> None:
    with pytest.raises(ArgumentError, match="1 to 8"):
        fourier_crop(np.zeros((8, 8)), 10)


def test_tensors_and_arrays_give_the_same() -> None:
    images = np.random.default_rng(5).normal(size=(3, 8, 8)).astype(np.float32)
    shifts = np.array([[0.1, 0.02], [0.0, 0.3], [-0.2, 0.0]])
    rotations = Rotation.random(3, random_state=2).as_matrix()
    frequencies = image_frequencies(8).reshape(-1, 2)
    tensors = torch.from_numpy(images)
    assert move_images(tensors, shifts).dtype == torch.float32
    assert move_images(images, shifts).dtype == np.float32
    np.testing.assert_allclose(move_images(tensors, shifts).numpy(), move_images(images, shifts), atol=1e-5)
    np.testing.assert_allclose(hartley_of(tensors).numpy(), hartley_of(images), atol=1e-5)
    np.testing.assert_allclose(fourier_crop(tensors, 6).numpy(), fourier_crop(images, 6), atol=1e-5)
    there = slice_frequencies(torch.from_numpy(frequencies), torch.from_numpy(rotations))
    np.testing.assert_allclose(there.numpy(), slice_frequencies(frequencies, rotations), atol=1e-12)


def test_reconstructed_maps_begin_at_the_origin() -> None:
    grid = map_grid(8, 2.5)
    assert grid.shape == (8, 8, 8)
    assert grid.voxel_size == (2.5, 2.5, 2.5)
    assert grid.origin == (0.0, 0.0, 0.0)
