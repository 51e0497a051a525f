"""Where in space volumes are, told by two halves of the images: solvent and noise are what these do not share."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

_REACH = 1.0  # voxels, the standard deviation of the Gaussian by which signal and noise are averaged


def shared_share(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The share s / (s + n) of signal at each voxel of a volume, float32 (D, D, D), from its two halves.

    s is the local average of their product, 0 where that is negative, and n half that of their squared difference, the
    noise of one half. It is the Wiener filter that half sets give each frequency (Rosenthal & Henderson, J. Mol. Biol.
    333, 721, 2003), with voxels in the place of frequencies.
    """
    signal = np.maximum(gaussian_filter(first * second, _REACH, mode="constant"), 0)
    noise = gaussian_filter(np.square(first - second), _REACH, mode="constant") / 2
    total = signal + noise
    return np.divide(signal, total, out=np.zeros_like(total), where=total > 0).astype(np.float32)
