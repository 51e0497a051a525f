"""The normal equations of all volumes at each point of the Fourier grid, summed over images."""

from __future__ import annotations

import numpy as np
import torch

from cryotools.heterogeneity.linear.slices import Corners, SliceGrid

_AT_ONCE = 1 << 17  # points that are solved together


class NormalSums:
    """Σ c y a z' and Σ c² a² z' z'ᵀ over images on the points of a `SliceGrid`, z' being 1 and z, means over their
    posterior: the weighted least squares of mean and components (k = q + 1), at each point by itself.
    """

    def __init__(self, grid: SliceGrid, count: int) -> None:
        self.grid, self.count = grid, count
        self.pairs = np.triu_indices(count)
        self.values = np.zeros((grid.rows, 2 * count), dtype=np.float32)
        self.power = np.zeros((grid.rows, len(self.pairs[0])), dtype=np.float32)

    def add(
        self, corners: Corners, values: np.ndarray, ctf: np.ndarray, weights: np.ndarray, moments: np.ndarray
    ) -> None:
        """Add n images.

        Parameters
        ----------
        corners : of n m frequencies
        values, ctf : complex64 and float32 (n, m), conjugate where the opposite frequency is taken
        weights, moments : means of a z' (n, k) and a² z' z'ᵀ (n, k, k)
        """
        n, m = ctf.shape
        weighted = np.stack([values.real * ctf, values.imag * ctf], axis=2)
        sources = weighted[..., None] * weights.astype(np.float32)[:, None, None, :]
        self.values += corners.matrix(self.grid.rows, 1) @ sources.reshape(n * m, -1)
        packed = moments[:, self.pairs[0], self.pairs[1]].astype(np.float32)
        self.power += corners.matrix(self.grid.rows, m, ctf.ravel() ** 2) @ packed

    def solve(self, damping: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Volumes float32 (k, D, D, D), and the share (k, shells) of their values that damping leaves on average.

        Parameters
        ----------
        damping : (k, shells), in shells one frequency step wide, added to the diagonal; where it is NaN, a tenth of the
            mean power is
        """
        shells = damping.shape[1]
        values, power = self.grid.completed(self._complex()), self.grid.completed(self.power)
        distance = self.grid.distance()
        known = np.flatnonzero((power[:, 0] > 0) & (distance < self.grid.box / 2))
        shell = np.minimum(np.rint(distance[known]).astype(int), shells - 1)
        counts = np.maximum(np.bincount(shell, minlength=shells), 1)
        diagonal = np.flatnonzero(self.pairs[0] == self.pairs[1])
        mean = np.stack([np.bincount(shell, power[known, at], minlength=shells) for at in diagonal]) / counts
        added = np.where(np.isnan(damping), 0.1 * mean, np.minimum(damping, 1e4 * mean)) + 1e-3 * mean
        found = np.zeros((self.count, self.grid.rows), dtype=np.complex64)
        for part in np.array_split(np.arange(len(known)), max(1, len(known) // _AT_ONCE)):
            found[:, known[part]] = self._solved(power[known[part]], values[known[part]], added[:, shell[part]]).T
        left = np.divide(mean, mean + added, out=np.zeros_like(mean), where=mean > 0)
        return np.stack([self.grid.volume(each) for each in found]), left

    def _complex(self) -> np.ndarray:
        values = np.empty((self.grid.rows, self.count), dtype=np.complex64)
        values.real, values.imag = self.values[:, : self.count], self.values[:, self.count :]
        return values

    def _solved(self, power: np.ndarray, values: np.ndarray, added: np.ndarray) -> np.ndarray:
        """Solutions complex64 (p, k) at p points."""
        first, second = self.pairs
        matrix = np.empty((len(power), self.count, self.count), dtype=np.float32)
        matrix[:, first, second] = matrix[:, second, first] = power
        every = np.arange(self.count)
        matrix[:, every, every] += added.T
        right = torch.from_numpy(np.stack([values.real, values.imag], axis=2))
        solved = torch.linalg.solve(torch.from_numpy(matrix), right).numpy()
        return solved[..., 0] + 1j * solved[..., 1]
