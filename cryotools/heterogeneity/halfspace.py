"""Images as Fourier values on `half_circle`, centred and normalised, as the networks see them."""

from __future__ import annotations

import numpy as np

WINDOW = (0.85, 0.99)  # × half the box: where the soft mask of images begins to fall, and where it is 0


def half_values(images: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Fourier values complex64 (k, m) of images (k, D, D), rows y, at `frequencies` int (m, 2), x and y, of which x is
    not negative; unnormalised, phases relative to pixel D / 2.
    """
    box = images.shape[-1]
    transform = np.fft.rfft2(np.fft.ifftshift(images, axes=(-2, -1)))
    return transform[:, frequencies[:, 1] % box, frequencies[:, 0]].astype(np.complex64)


def soft_window(box: int, inner: float = WINDOW[0], outer: float = WINDOW[1]) -> np.ndarray:
    """A round mask float32 (D, D): 1 within `inner`, 0 beyond `outer`, as fractions of half the box, linear between."""
    y, x = np.mgrid[:box, :box] - box // 2
    radius = np.hypot(x, y) / (box / 2)
    return np.clip((outer - radius) / (outer - inner), 0, 1).astype(np.float32)


def noise_spectrum(images: np.ndarray, frequencies: np.ndarray, outside: float = WINDOW[1]) -> np.ndarray:
    """The standard deviation (m,) of the Fourier values of white or coloured noise, estimated from the corners of
    images (k, D, D), beyond the circle of the radius `outside` (fraction of half the box): mean power over rings of one
    frequency unit, divided by the fraction of the area that the corners have.

    Raises
    ------
    ValueError
        There are no images.
    """
    if not len(images):
        raise ValueError("no images to estimate noise from")
    box = images.shape[-1]
    y, x = np.mgrid[:box, :box] - box // 2
    corner = (np.hypot(x, y) > outside * box / 2).astype(np.float32)
    mean = (images * corner).sum(axis=(1, 2), keepdims=True) / corner.sum()
    power = np.abs(half_values((images - mean) * corner, frequencies)) ** 2
    ring = np.rint(np.hypot(*frequencies.T)).astype(int)
    counts = np.maximum(np.bincount(ring), 1)
    by_ring = np.bincount(ring, power.mean(axis=0)) / counts / corner.mean()
    return np.sqrt(by_ring[ring])
