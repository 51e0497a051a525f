"""Fourier shell correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.volume import Triple


@dataclass(frozen=True)
class ShellCorrelation:
    """An FSC curve: shell centres `frequency` (n,) in 1/Å, `correlation` (n,), `count` (n,) coefficients per shell."""

    frequency: np.ndarray
    correlation: np.ndarray
    count: np.ndarray

    def resolution_at(self, threshold: float) -> float | None:
        """The resolution in Å where the curve first falls below `threshold`, linearly between shells.

        None where it never does; the maps then agree up to the Nyquist frequency.
        """
        below = np.flatnonzero(self.correlation < threshold)
        if not len(below):
            return None
        at = int(below[0])
        if at == 0:
            return float(1 / self.frequency[0])
        high, low = self.correlation[at - 1], self.correlation[at]
        fraction = (high - threshold) / (high - low)
        frequency = self.frequency[at - 1] + fraction * (self.frequency[at] - self.frequency[at - 1])
        return float(1 / frequency)


def fourier_shell_correlation(a: np.ndarray, b: np.ndarray, voxel_size: Triple) -> ShellCorrelation:
    """FSC of two maps (nz, ny, nx) on one grid, in shells as wide as the longest edge's Fourier step.

    Shells run from one step to the Nyquist frequency of the coarsest axis; the mean (frequency 0) is left out.
    `voxel_size` is (x, y, z) in Å.
    """
    from scipy.fft import rfftn

    fa, fb = rfftn(a.astype(np.float32)), rfftn(b.astype(np.float32))
    steps = voxel_size[::-1]
    lengths = [n * step for n, step in zip(a.shape, steps, strict=True)]
    width = 1 / max(lengths)
    z, y = (np.fft.fftfreq(n, step) for n, step in zip(a.shape[:2], steps[:2], strict=True))
    x = np.fft.rfftfreq(a.shape[2], steps[2])
    radius = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    shell = np.rint(radius / width).astype(np.int64).ravel()
    n_shells = int(np.floor(0.5 / max(steps) / width + 1e-9)) + 1
    # a real map's half spectrum holds every coefficient once but for x = 0 and x = Nyquist, which are their own mates
    twice = np.full(a.shape[2] // 2 + 1, 2.0)
    twice[0] = 1.0
    if a.shape[2] % 2 == 0:
        twice[-1] = 1.0
    weight = np.broadcast_to(twice, fa.shape).ravel()

    def per_shell(values: np.ndarray) -> np.ndarray:
        return np.bincount(shell, weights=values.ravel() * weight, minlength=n_shells)[1:n_shells]

    cross = per_shell((fa * fb.conj()).real.astype(np.float64))
    power = per_shell(np.abs(fa).astype(np.float64) ** 2) * per_shell(np.abs(fb).astype(np.float64) ** 2)
    correlation = np.divide(cross, np.sqrt(power), out=np.zeros_like(cross), where=power > 0)
    counts = np.bincount(shell, weights=weight, minlength=n_shells)[1:n_shells]
    return ShellCorrelation(width * np.arange(1, n_shells), correlation, counts.astype(np.int64))
