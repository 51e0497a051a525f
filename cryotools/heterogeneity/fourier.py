"""Fourier and Hartley transforms of images and volumes, shifts, central slices and Fourier cropping.

Transforms are unnormalised and centred: frequency 0 is at element D // 2 of every axis, and phases are relative to
pixel D // 2, the centre of rotation. Images are (..., y, x), volumes (..., z, y, x), frequencies (x, y) or (x, y, z) in
cycles per pixel. The functions take numpy arrays or torch tensors and return the same kind.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from cryotools.core.errors import ArgumentError
from cryotools.core.maps.volume import Grid

IMAGE, VOLUME = 2, 3  # number of axes that are transformed


def backend_of(array: Any) -> ModuleType:
    """The library of `array`: numpy or torch."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def spectrum_of(values: Any, axes: int = IMAGE) -> Any:
    """The centred Fourier transform of real or complex `values`, over the last `axes` axes."""
    backend, last = backend_of(values), _last(axes)
    return backend.fft.fftshift(backend.fft.fftn(backend.fft.ifftshift(values, last), None, last), last)


def values_of(spectrum: Any, axes: int = IMAGE) -> Any:
    """The real values whose centred transform is `spectrum`; of an asymmetric spectrum, those of its symmetric part."""
    backend, last = backend_of(spectrum), _last(axes)
    return backend.fft.fftshift(backend.fft.ifftn(backend.fft.ifftshift(spectrum, last), None, last), last).real


def hartley_of(values: Any, axes: int = IMAGE) -> Any:
    """The centred Hartley transform of real `values`: real minus imaginary part of the Fourier transform."""
    spectrum = spectrum_of(values, axes)
    return spectrum.real - spectrum.imag


def values_of_hartley(hartley: Any, axes: int = IMAGE) -> Any:
    """The values whose centred Hartley transform is `hartley`: the same transform, divided by the number of values."""
    return hartley_of(hartley, axes) / int(np.prod(hartley.shape[-axes:]))


def at_negative(spectrum: Any, axes: int = IMAGE) -> Any:
    """The values of a centred spectrum at the negatives of the frequencies. For even D, -D / 2 stands for D / 2."""
    backend, last = backend_of(spectrum), _last(axes)
    flipped = backend.flip(spectrum, last)
    even = [axis for axis in last if spectrum.shape[axis] % 2 == 0]
    return backend.roll(flipped, [1] * len(even), even) if even else flipped


def image_frequencies(box: int) -> np.ndarray:
    """The frequencies float64 (D, D, 2) of a centred image transform: (x, y) in cycles per pixel."""
    axis = (np.arange(box) - box // 2) / box
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return np.stack([x, y], axis=-1)


def shift_phases(shifts: Any, frequencies: Any) -> Any:
    """Factors (n, m) that move images by `shifts` (n, 2), pixels (x, y), at `frequencies` (m, 2), cycles per pixel.

    A positive shift moves the content to larger x or y.
    """
    return backend_of(shifts).exp(-2j * np.pi * (shifts @ frequencies.T))


def move_images(images: Any, shifts: Any) -> Any:
    """Images (n, D, D) moved by `shifts` (n, 2), fractions of the box (x, y), around the edges."""
    backend, box = backend_of(images), images.shape[-1]
    frequencies = image_frequencies(box).reshape(-1, 2)
    if backend is np:
        phases = shift_phases(np.asarray(shifts) * box, frequencies).astype(np.result_type(images, np.complex64))
    else:
        shifts = backend.as_tensor(shifts, dtype=images.dtype, device=images.device)
        phases = shift_phases(shifts * box, backend.as_tensor(frequencies).to(shifts))
    return values_of(spectrum_of(images) * phases.reshape(images.shape))


def slice_frequencies(frequencies: Any, rotations: Any) -> Any:
    """Where the transforms of projections lie in that of the volume (central slice theorem): (n, m, 3), (x, y, z).

    Parameters
    ----------
    frequencies : (m, 2), (x, y) in the image, in any unit, which the result has too
    rotations : (n, 3, 3), x_image = R @ x_volume; projections run along z of the image
    """
    return frequencies @ rotations[:, :2]


def fourier_crop(values: Any, box: int, axes: int = IMAGE) -> Any:
    """Images or volumes (..., D, D) reduced to `box` pixels by omitting high frequencies; grey values are kept.

    The pixel size grows by D / box. The centre stays at box // 2.

    Raises
    ------
    ArgumentError
        The box is larger than it was, or not positive.
    """
    full = values.shape[-1]
    if not 1 <= box <= full:
        raise ArgumentError("box", box, f"give 1 to {full} pixels")
    start = full // 2 - box // 2
    cut = (..., *(slice(start, start + box),) * axes)
    return values_of(spectrum_of(values, axes)[cut], axes) * (box / full) ** axes


def map_grid(box: int, voxel_size: float) -> Grid:
    """The grid of a reconstructed map: voxel 0 is at the origin, as in the maps of RELION and cryoSPARC, which it
    therefore overlays. The centre of rotation is voxel box // 2.
    """
    return Grid((box,) * 3, (voxel_size,) * 3)


def _last(axes: int) -> tuple[int, ...]:
    return tuple(range(-axes, 0))
