"""Images from their Fourier values on half of the plane."""

from __future__ import annotations

import numpy as np


def image_of_half(values: np.ndarray, frequencies: np.ndarray, box: int) -> np.ndarray:
    """The images float32 (k, D, D) that have these values (k, m), 0 at the other frequencies and 0 on average."""
    transform = np.zeros((len(values), box, box // 2 + 1), dtype=np.complex64)
    x, y = frequencies.T
    transform[:, y % box, x] = values
    on_edge = x == 0  # where rfft2 holds both of a pair
    transform[:, -y[on_edge] % box, 0] = values[:, on_edge].conj()
    return np.fft.fftshift(np.fft.irfft2(transform, (box, box)), axes=(-2, -1)).astype(np.float32)
