"""Central slices of several volumes at once, and sums of images over the grid, by blocks of images.

Trilinear interpolation on a Fourier grid of twice the box, as `HalfGrid` has it, but with the values of all volumes at
a point side by side, so that a point is fetched once, and without the points beyond the largest frequency.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from cryotools.heterogeneity.gridding import HalfGrid


@dataclass(frozen=True, eq=False)
class Corners:
    """Around n frequencies of images: `rows` int32 (n, 8) of the table, trilinear `weights` float32 (n, 8), and where
    the `opposite` frequency was taken, bool (n,).
    """

    rows: np.ndarray
    weights: np.ndarray
    opposite: np.ndarray

    def matrix(self, rows: int, per_column: int, power: np.ndarray | None = None) -> scipy.sparse.csc_matrix:
        """Weights, times `power` (n,) if given, as a matrix of `rows` and a column for every `per_column` frequencies;
        a product with it sums values over the grid.
        """
        weights = self.weights if power is None else self.weights * power[:, None]
        ends = np.arange(0, self.rows.size + 1, 8 * per_column, dtype=np.int32)
        return scipy.sparse.csc_matrix((weights.ravel(), self.rows.ravel(), ends), shape=(rows, len(ends) - 1))


@dataclass(frozen=True)
class SliceGrid:
    """The half x ≥ 0 of the Fourier grid of volumes of `box` voxels, up to `radius` frequency steps 1 / box.

    A table has a row for each point (z, y, x) of `shape`, in which frequency 0 is at [reach, reach, 0].
    """

    box: int
    radius: float

    @property
    def grid(self) -> HalfGrid:
        """The whole grid."""
        return HalfGrid(self.box)

    @property
    def reach(self) -> int:
        """The largest index along an axis, but for the upper corners."""
        return int(np.ceil(self.radius * self.grid.padding))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Points along z, y and x."""
        return 2 * self.reach + 2, 2 * self.reach + 2, self.reach + 2

    @property
    def rows(self) -> int:
        """Points altogether."""
        return int(np.prod(self.shape))

    def distance(self) -> np.ndarray:
        """Distances (rows,) of all points from frequency 0, in frequency steps."""
        z, y, x = np.ogrid[-self.reach : self.reach + 2, -self.reach : self.reach + 2, : self.reach + 2]
        return (np.sqrt(z**2 + y**2 + x**2) / self.grid.padding).ravel()

    def corners(self, points: np.ndarray) -> Corners:
        """The rows around frequencies `points` (n, 3), x, y, z, in steps, within `radius`."""
        opposite = points[:, 0] < 0
        scaled = np.where(opposite[:, None], -points, points) * np.float32(self.grid.padding)
        low = np.floor(scaled)
        upper = scaled - low
        first = low.astype(np.int32)
        _, ny, nx = self.shape
        row = ((first[:, 2] + self.reach) * ny + first[:, 1] + self.reach) * nx + first[:, 0]
        steps = np.array([(k * ny + j) * nx + i for k in (0, 1) for j in (0, 1) for i in (0, 1)], dtype=np.int32)
        x, y, z = (np.stack([1 - upper[:, axis], upper[:, axis]], axis=1) for axis in range(3))
        weights = z[:, :, None, None] * y[:, None, :, None] * x[:, None, None, :]
        return Corners(row[:, None] + steps, weights.reshape(-1, 8), opposite)

    def table(self, volumes: np.ndarray) -> Tensor:
        """Values float32 (rows, 2 k) of volumes (k, D, D, D): real parts of all, then imaginary parts."""
        found = np.empty((*self.shape, 2, len(volumes)), dtype=np.float32)
        along = np.arange(-self.reach, self.reach + 2) % self.grid.size
        where = np.ix_(along, along, np.arange(self.reach + 2) % self.grid.shape[2])
        for number, volume in enumerate(volumes):
            values = self.grid.spectrum(volume)[where]
            found[..., 0, number], found[..., 1, number] = values.real, values.imag
        return torch.from_numpy(found.reshape(self.rows, -1))

    def slices(self, table: Tensor, corners: Corners) -> Tensor:
        """Interpolated rows (n, 2 k) of a table."""
        weights = torch.from_numpy(corners.weights)
        return torch.nn.functional.embedding_bag(
            torch.from_numpy(corners.rows), table, mode="sum", per_sample_weights=weights
        )

    def completed(self, sums: np.ndarray) -> np.ndarray:
        """Sums (rows, …), real or complex, with those at opposite points of the plane x = 0 added up."""
        whole = sums.reshape(*self.shape, *sums.shape[1:])
        plane = whole[:-1, :-1, 0].copy()
        whole[:-1, :-1, 0] += plane[::-1, ::-1].conj()
        return whole.reshape(sums.shape)

    def volume(self, values: np.ndarray) -> np.ndarray:
        """The volume float32 (D, D, D) of values complex64 (rows,) at points nearer than D / 2 steps, 0 elsewhere."""
        spectrum = np.zeros(self.grid.shape, dtype=np.complex64)
        last = min(self.reach + 1, self.grid.size // 2 - 1)
        here = slice(self.reach - min(self.reach, last), self.reach + last + 1)
        inside = values.reshape(self.shape)[here, here, : last + 1]
        along = np.arange(here.start, here.stop) - self.reach
        spectrum[np.ix_(along, along, np.arange(last + 1))] = inside
        return self.grid.volume(spectrum)
