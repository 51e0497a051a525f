"""Central slices of volumes, accurate to about 1e-3 of their largest value.

A wider interpolation kernel than that of `HalfGrid`, so that a reconstruction is not tested with its own interpolation:
the exponential of a semicircle (Barnett, Magland & af Klinteberg, SIAM J. Sci. Comput. 41, C479, 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.fft import fft, rfft

_WIDTH = 4  # grid points along each axis
_SHAPE = 2.3 * _WIDTH  # of the kernel, for a grid twice as fine as needed
_OFFSETS = (1 - np.arange(_WIDTH, dtype=np.float32))[:, None]  # of the grid points around a frequency
_POINTS = 1 << 13  # frequencies at a time, so that what is computed of them stays in the cache
_NODES = 200  # of the quadrature of the kernel's transform
_FINER = 2


@dataclass(frozen=True)
class Projector:
    """Projects volumes of `box` voxels (even). Phases are relative to voxel D / 2."""

    box: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Points of a `spectrum` along z, y and x."""
        return self._size, self._size, self._size // 2 + _WIDTH - 1

    def spectrum(self, volume: np.ndarray) -> np.ndarray:
        """The transform complex64 of a volume (D, D, D) on the grid that `slices` takes, corrected for its kernel."""
        half = _WIDTH // 2
        found = rfft(volume / self._attenuation, self._size, axis=2)
        found = fft(fft(found, self._size, axis=1), self._size, axis=0)
        # a volume begins at its corner for the transform, not at its centre
        phase = np.exp(1j * np.pi * self.box / self._size * np.arange(self._size)).astype(np.complex64)
        found *= phase[:, None, None] * phase[:, None] * phase[: self._size // 2 + 1]
        opposite = np.roll(found[::-1, ::-1], (1, 1), axis=(0, 1)).conj()
        below, above = opposite[:, :, half - 1 : 0 : -1], opposite[:, :, -2 : -half - 1 : -1]
        return np.ascontiguousarray(np.concatenate([below, found, above], axis=2))

    def slices(self, spectrum: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Values complex64 (...) of a spectrum at frequencies `points` (..., 3), x, y, z, in cycles per voxel, each
        shorter than 0.5.
        """
        flat = points.reshape(-1, 3).astype(np.float32)
        found = np.empty(len(flat), dtype=np.complex64)
        for start in range(0, len(flat), _POINTS):
            part = slice(start, start + _POINTS)
            found[part] = self._interpolated(spectrum.reshape(-1), flat[part])
        return found.reshape(points.shape[:-1])

    def _interpolated(self, values: np.ndarray, points: np.ndarray) -> np.ndarray:
        opposite = points[:, 0] < 0
        scaled = np.where(opposite, -points.T, points.T) * np.float32(self._size)
        first = np.floor(scaled)
        weights = _kernel((scaled - first)[:, None] + _OFFSETS)
        x, y, z = first.astype(np.int64)
        rows = [(y + j - 1) % self._size * self.shape[2] + x for j in range(_WIDTH)]
        shifted = [values[i:] for i in range(_WIDTH)]
        found = np.zeros(len(points), dtype=np.complex64)
        for k in range(_WIDTH):
            plane = (z + k - 1) % self._size * (self._size * self.shape[2])
            for j in range(_WIDTH):
                at = plane + rows[j]
                along_x = sum(shifted[i].take(at) * weights[0, i] for i in range(_WIDTH))
                found += along_x * (weights[2, k] * weights[1, j])
        return np.where(opposite, found.conj(), found)

    @property
    def _size(self) -> int:
        return self.box * _FINER

    @cached_property
    def _attenuation(self) -> np.ndarray:
        """What the kernel multiplies a volume (D, D, D) with: its transform, by Gauss-Legendre quadrature."""
        nodes, areas = np.polynomial.legendre.leggauss(_NODES)
        nodes, areas = nodes * _WIDTH / 2, areas * _WIDTH / 2
        place = (np.arange(self.box) - self.box // 2) / self._size
        x = ((_kernel(nodes) * areas) @ np.cos(2 * np.pi * np.outer(nodes, place))).astype(np.float32)
        return x[:, None, None] * x[:, None] * x


def _kernel(distance: np.ndarray) -> np.ndarray:
    """The kernel at distances from a grid point, in grid points."""
    inside = np.maximum(1 - np.square(distance * (2 / _WIDTH)), 0)
    return np.exp(_SHAPE * (np.sqrt(inside) - 1))
