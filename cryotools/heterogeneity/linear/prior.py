"""How strong each volume is at each distance from frequency 0: estimated from two halves of the images."""

from __future__ import annotations

import numpy as np
import scipy.fft

from cryotools.heterogeneity.halfspace import WINDOW

_LEAST = 1e-4  # × the mean volume's variance


def round_mask(box: int, inner: float = WINDOW[0], outer: float = WINDOW[1]) -> np.ndarray:
    """A soft sphere float32 (D, D, D): 1 within `inner`, 0 beyond `outer`, as fractions of half the box."""
    z, y, x = (np.ogrid[:box, :box, :box][axis] - box // 2 for axis in range(3))
    radius = np.sqrt(z**2 + y**2 + x**2) / (box / 2)
    return np.clip((outer - radius) / (outer - inner), 0, 1).astype(np.float32)


def shell_covariance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The covariance (D / 2,) of real and imaginary parts of the transforms of two volumes (D, D, D), in shells one
    frequency step wide.
    """
    box = first.shape[0]
    whole, half = np.fft.fftfreq(box, 1 / box), np.arange(box // 2 + 1)
    shell = np.rint(np.sqrt(whole[:, None, None] ** 2 + whole[:, None] ** 2 + half**2)).astype(int).ravel()
    twice = np.where((half == 0) | (half == box // 2), 1.0, 2.0)
    weight = np.broadcast_to(twice, (box, box, len(half))).ravel()
    transforms = [scipy.fft.rfftn(scipy.fft.ifftshift(volume)).ravel() for volume in (first, second)]
    product = (transforms[0] * transforms[1].conj()).real
    return (np.bincount(shell, weight * product) / np.bincount(shell, weight))[: box // 2] / 2


class ShellPrior:
    """The variance (k, shells) of real and imaginary parts of k volumes, NaN where it is not known.

    `points` is how many points of the Fourier grid there are for each independent value of a volume.
    """

    def __init__(self, count: int, shells: int, points: float) -> None:
        self.variance, self.points = np.full((count, shells), np.nan), points

    def damping(self) -> np.ndarray:
        """What is added to the power at a point of the grid (k, shells): the ratio of noise, 1, to this variance."""
        return 1 / (self.points * self.variance)

    def update(self, halves: tuple[np.ndarray, np.ndarray], left: tuple[np.ndarray, np.ndarray]) -> None:
        """Estimate from volumes (k, D, D, D) of two halves of the images: their covariance, and the shares (k, shells)
        that damping has left of them.
        """
        least = np.zeros(0)
        for number, (first, second) in enumerate(zip(*halves, strict=True)):
            both = left[0][number] * left[1][number]
            found = shell_covariance(first, second) / np.maximum(both, 1e-4)
            smooth = np.convolve(np.pad(found, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
            if number == 0:
                least = _LEAST * np.maximum(smooth, _LEAST * np.abs(smooth).max())
            self.variance[number] = np.where(both > 0, np.maximum(smooth, least), np.nan)
