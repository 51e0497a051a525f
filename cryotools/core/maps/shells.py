"""Fourier shells of a map: sums over them, and filters that depend on spatial frequency alone (radial filters)."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.fft import irfftn, rfftn

from cryotools.core.maps.volume import Shape, Triple


class Shells:
    """Fourier shells of maps (nz, ny, nx) with voxels of `voxel_size` (x, y, z) Å, one Fourier voxel of the longest
    edge wide.

    Shell 0 holds only the mean; `frequency` (n,) in 1/Å runs from there to the Nyquist frequency of the coarsest axis.
    """

    def __init__(self, shape: Shape, voxel_size: Triple) -> None:
        self.shape = tuple(shape)
        steps = voxel_size[::-1]
        width = 1 / max(n * step for n, step in zip(shape, steps, strict=True))
        z, y = (np.fft.fftfreq(n, step) for n, step in zip(shape[:2], steps[:2], strict=True))
        x = np.fft.rfftfreq(shape[2], steps[2])
        self.radius = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
        self.index = np.rint(self.radius / width).astype(np.int64)
        self.frequency = width * np.arange(int(np.floor(0.5 / max(steps) / width + 1e-9)) + 1)

    def transform(self, data: np.ndarray) -> np.ndarray:
        """The half spectrum (nz, ny, nx // 2 + 1) of a real map."""
        return rfftn(data.astype(np.float32))

    def inverse(self, spectrum: np.ndarray) -> np.ndarray:
        """The real map of a half spectrum, float32 (nz, ny, nx)."""
        return irfftn(spectrum, s=self.shape).astype(np.float32)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sums over each shell (n,) of `values` on the half spectrum, weighted by multiplicity in the full one."""
        weighted = (values * self._weight).ravel()
        return np.bincount(self.index.ravel(), weights=weighted, minlength=len(self.frequency))[: len(self.frequency)]

    @cached_property
    def count(self) -> np.ndarray:
        """Number of coefficients of the full spectrum in each shell, (n,)."""
        return self.sum(np.ones(self.index.shape))

    def amplitude(self, data: np.ndarray) -> np.ndarray:
        """Root-mean-square amplitude of a map's transform in each shell, (n,)."""
        power = np.abs(self.transform(data)).astype(np.float64) ** 2
        return np.sqrt(self.sum(power) / self.count)

    def scale(self, data: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """The map whose transform is that of `data` times `factor` (n,), interpolated linearly between shells; beyond
        the last shell the last factor applies.
        """
        return self.inverse(self.transform(data) * np.interp(self.radius, self.frequency, factor).astype(np.float32))

    def falloff(self, b: float, resolution: float) -> np.ndarray:
        """Factors (n,) that raise a map's B factor by `b` Å² up to `resolution` Å. Beyond that the factor is constant,
        so that a negative `b` does not sharpen noise there.
        """
        within = np.minimum(self.frequency, 1 / resolution)
        return np.exp(-b * within**2 / 4)

    def change_b(self, data: np.ndarray, b: float, resolution: float) -> np.ndarray:
        """`data`, a map of `resolution` Å, with its B factor raised by `b` Å²."""
        return self.scale(data, self.falloff(b, resolution))

    @property
    def _weight(self) -> np.ndarray:
        """Multiplicity in the full spectrum: 2, but 1 at x = 0 and x = Nyquist, which hold their own Friedel mates."""
        twice = np.full(self.shape[2] // 2 + 1, 2.0)
        twice[0] = 1.0
        if self.shape[2] % 2 == 0:
            twice[-1] = 1.0
        return twice


def match_amplitudes(data: np.ndarray, reference: np.ndarray, voxel_size: Triple) -> np.ndarray:
    """`data` scaled to the radial amplitudes of `reference`, both (nz, ny, nx) on one grid; phases are kept."""
    shells = Shells(data.shape, voxel_size)
    have, want = shells.amplitude(data), shells.amplitude(reference)
    factor = np.divide(want, have, out=np.zeros_like(have), where=have > 1e-6 * have.max())
    return shells.inverse(shells.transform(data) * factor.take(shells.index, mode="clip").astype(np.float32))
