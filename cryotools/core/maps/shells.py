"""Shells of a map's Fourier transform: sums over them, and factors that depend on the frequency's length alone."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.fft import irfftn, rfftn

from cryotools.core.maps.volume import Shape, Triple


class Shells:
    """The shells of maps (nz, ny, nx) with voxels of `voxel_size` (x, y, z) Å, as wide as the longest edge's step.

    Shell 0 holds the mean alone; `frequency` (n,) in 1/Å runs from there to the Nyquist frequency of the coarsest axis.
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
        """Sums over each shell (n,) of `values` on the half spectrum, each counted as often as in the whole one."""
        weighted = (values * self._weight).ravel()
        return np.bincount(self.index.ravel(), weights=weighted, minlength=len(self.frequency))[: len(self.frequency)]

    @cached_property
    def count(self) -> np.ndarray:
        """Coefficients of the whole spectrum in each shell, (n,)."""
        return self.sum(np.ones(self.index.shape))

    def amplitude(self, data: np.ndarray) -> np.ndarray:
        """Root mean square amplitude of a map's transform in each shell, (n,)."""
        power = np.abs(self.transform(data)).astype(np.float64) ** 2
        return np.sqrt(self.sum(power) / self.count)

    def scale(self, data: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """The map whose transform is that of `data` times `factor` (n,), linear between shells; beyond the last shell
        the last factor holds.
        """
        return self.inverse(self.transform(data) * np.interp(self.radius, self.frequency, factor).astype(np.float32))

    def falloff(self, b: float, resolution: float) -> np.ndarray:
        """Factors (n,) that raise a map's B factor by `b` Å² up to `resolution` Å. From there the factor stays, so that
        a negative `b` does not sharpen noise beyond the resolution.
        """
        within = np.minimum(self.frequency, 1 / resolution)
        return np.exp(-b * within**2 / 4)

    def change_b(self, data: np.ndarray, b: float, resolution: float) -> np.ndarray:
        """A map of `resolution` Å with its B factor raised by `b` Å²."""
        return self.scale(data, self.falloff(b, resolution))

    @property
    def _weight(self) -> np.ndarray:
        """A real map's half spectrum holds every coefficient once but for x = 0 and x = Nyquist, their own mates."""
        twice = np.full(self.shape[2] // 2 + 1, 2.0)
        twice[0] = 1.0
        if self.shape[2] % 2 == 0:
            twice[-1] = 1.0
        return twice


def match_amplitudes(data: np.ndarray, reference: np.ndarray, voxel_size: Triple) -> np.ndarray:
    """`data` with the radial amplitudes of `reference`, both (nz, ny, nx) on one grid; its phases stay."""
    shells = Shells(data.shape, voxel_size)
    have, want = shells.amplitude(data), shells.amplitude(reference)
    factor = np.divide(want, have, out=np.zeros_like(have), where=have > 1e-6 * have.max())
    return shells.inverse(shells.transform(data) * factor.take(shells.index, mode="clip").astype(np.float32))
