"""Images as Fourier values on `half_circle`: half of their frequencies, as images are real; windows and noise."""

from __future__ import annotations

import numpy as np

WINDOW = (0.85, 0.99)  # × half the box: where the soft mask of images begins to fall, and where it is 0


def half_circle(box: int, radius: float | None = None, *, rim: bool = True) -> np.ndarray:
    """Frequencies int (m, 2), x and y in units of 1 / `box` cycles per pixel, within `radius` (None: box / 2), of which
    one of each pair k, -k is listed and 0 is not; by their distance from 0, so that a smaller radius is a beginning.

    Without `rim`, those at just this radius are left out: at box / 2, k and -k have the same value in an image.
    """
    half = box // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    square, most = x**2 + y**2, (radius or half) ** 2
    listed = ((x > 0) | ((x == 0) & (y > 0))) & ((square <= most) if rim else (square < most))
    found = np.stack([x[listed], y[listed]], axis=1)
    return found[np.argsort((found**2).sum(axis=1), kind="stable")]


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
