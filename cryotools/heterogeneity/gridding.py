"""An oversampled Fourier grid, on which values of images are deposited and slices interpolated, trilinearly.

Trilinear weights are a convolution of the grid; in real space, a product with sinc² along each axis, which is divided
out (gridding correction; O'Sullivan, IEEE Trans. Med. Imaging 4, 200, 1985).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CORNERS = [(z, y, x) for z in (0, 1) for y in (0, 1) for x in (0, 1)]


@dataclass(frozen=True)
class HalfGrid:
    """The half x ≥ 0 of the Fourier grid of a real volume of `box` voxels (even), zero-padded `padding` times.

    Arrays on it are (z, y, x), with frequency 0 at [0, 0, 0]. Phases are relative to voxel D / 2.
    """

    box: int
    padding: int = 2

    @property
    def size(self) -> int:
        """Points along an edge of the whole grid."""
        return self.box * self.padding

    @property
    def shape(self) -> tuple[int, int, int]:
        """Points along z, y and x."""
        return self.size, self.size, self.size // 2 + 1

    def radius(self) -> np.ndarray:
        """The distances of all points from frequency 0, float32 `shape`, cycles per voxel."""
        whole, half = (f(self.size).astype(np.float32) ** 2 for f in (np.fft.fftfreq, np.fft.rfftfreq))
        return np.sqrt(whole[:, None, None] + whole[:, None] + half)

    def shells(self) -> np.ndarray:
        """The distances of all points from frequency 0 in whole steps of the grid, int64 `shape`."""
        return np.rint(self.radius() * self.size).astype(np.int64)

    def corners(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The grid points around frequencies `points` (n, 3), x, y, z, in cycles per voxel, each shorter than 0.5.

        Returns
        -------
        index : int64 (8, n), into the flattened grid
        weight : float32 (8, n), trilinear
        opposite : bool (n,), where -point was taken, at which a real volume has the conjugate value
        """
        opposite = points[:, 0] < 0
        scaled = (np.where(opposite[:, None], -points, points) * self.size).T
        low = np.floor(scaled)
        upper = (scaled - low).astype(np.float32)
        shares, first = (1 - upper, upper), low.astype(np.int64)
        x, y, z = ((first[0], first[0] + 1), *((axis % self.size, (axis + 1) % self.size) for axis in first[1:]))
        rows = {(k, j): (z[k] * self.size + y[j]) * self.shape[2] for k in (0, 1) for j in (0, 1)}
        planes = {(k, j): shares[k][2] * shares[j][1] for k in (0, 1) for j in (0, 1)}
        index = np.stack([rows[k, j] + x[i] for k, j, i in _CORNERS])
        weight = np.stack([planes[k, j] * shares[i][0] for k, j, i in _CORNERS])
        return index, weight, opposite

    def deposit(
        self, sums: np.ndarray, weights: np.ndarray, values: np.ndarray, power: np.ndarray, points: np.ndarray
    ) -> None:
        """Add complex `values` (n,) to `sums` and real `power` (n,) to `weights`, arrays on the grid, at frequencies
        `points` (n, 3); see `corners`.
        """
        index, weight, opposite = self.corners(points)
        self._add(sums, index, weight, np.where(opposite, values.conj(), values))
        self._add(weights, index, weight, power)

    def completed(self, deposits: np.ndarray) -> np.ndarray:
        """Deposits with those at opposite points of the plane x = 0, which holds both of each pair, added up."""
        whole = deposits.copy()
        whole[:, :, 0] += np.roll(deposits[::-1, ::-1, 0], (1, 1), axis=(0, 1)).conj()
        return whole

    def volume(self, spectrum: np.ndarray) -> np.ndarray:
        """The volume float32 (D, D, D) of a spectrum on the grid, corrected for trilinear gridding."""
        padded = np.fft.irfftn(spectrum, (self.size,) * 3, axes=(0, 1, 2))
        inside = np.arange(self.box) - self.box // 2
        return (padded[np.ix_(inside, inside, inside)] / self._attenuation()).astype(np.float32)

    def spectrum(self, volume: np.ndarray) -> np.ndarray:
        """The spectrum complex64 on the grid of a volume (D, D, D), corrected so that `slices` is exact."""
        padded = np.zeros((self.size,) * 3, dtype=np.float32)
        inside = np.arange(self.box) - self.box // 2
        padded[np.ix_(inside, inside, inside)] = volume / self._attenuation()
        return np.fft.rfftn(padded).astype(np.complex64)

    def slices(self, spectrum: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Values complex64 (...) of a spectrum at frequencies `points` (..., 3); see `corners`."""
        index, weight, opposite = self.corners(points.reshape(-1, 3))
        values = (spectrum.ravel()[index] * weight).sum(axis=0)
        return np.where(opposite, values.conj(), values).reshape(points.shape[:-1])

    def _attenuation(self) -> np.ndarray:
        """What trilinear interpolation on the grid multiplies a volume (D, D, D) with."""
        x = np.sinc((np.arange(self.box) - self.box // 2) / self.size) ** 2
        return x[:, None, None] * x[:, None] * x

    @staticmethod
    def _add(target: np.ndarray, index: np.ndarray, weight: np.ndarray, values: np.ndarray) -> None:
        np.add.at(target.reshape(-1), index.ravel(), (weight * values.astype(target.dtype)).ravel())
