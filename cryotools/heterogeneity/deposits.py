"""Direct Fourier inversion: images' values, weighted by their CTF, are summed on the Fourier grid and divided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.heterogeneity.gridding import HalfGrid


@dataclass(frozen=True, eq=False)
class Deposits:
    """Sums over images on the Fourier grid: `values` complex64, CTF × image, and `power` float32, CTF²."""

    grid: HalfGrid
    values: np.ndarray
    power: np.ndarray

    @classmethod
    def on(cls, grid: HalfGrid) -> Deposits:
        """No images yet."""
        return cls(grid, np.zeros(grid.shape, dtype=np.complex64), np.zeros(grid.shape, dtype=np.float32))

    def __add__(self, other: Deposits) -> Deposits:
        return Deposits(self.grid, self.values + other.values, self.power + other.power)

    def add(self, values: np.ndarray, ctf: np.ndarray, points: np.ndarray) -> None:
        """Add the values (n, m) of centred images with their CTF (n, m) at frequencies `points` (n, m, 3), x, y, z, in
        cycles per voxel of the volume. Those beyond its Nyquist frequency are left out.
        """
        flat = points.reshape(-1, 3)
        inside = np.einsum("ij,ij->i", flat, flat) < 0.25
        weighted, power = (values * ctf).ravel(), np.square(ctf).ravel()
        if not inside.all():
            flat, weighted, power = flat[inside], weighted[inside], power[inside]
        self.grid.deposit(self.values, self.power, weighted, power, flat)

    def spectrum(self, noise: np.ndarray | float) -> np.ndarray:
        """The Wiener estimate of the volume's spectrum on the grid, complex64, 0 beyond Nyquist.

        It is ΣCTF·image / (ΣCTF² + w·noise), w being the mean of ΣCTF² at each distance from frequency 0, so that
        points with fewer images than others at that distance are damped more.

        Parameters
        ----------
        noise : noise-to-signal ratio of the reconstruction, one number or (k,) at distances 0 to 0.5 cycles per voxel
        """
        values, power = self.grid.completed(self.values), self.grid.completed(self.power)
        radius, shell = self.grid.radius(), self.grid.shells()
        count = np.bincount(shell.ravel())
        mean = np.bincount(shell.ravel(), power.ravel()) / np.maximum(count, 1)
        if isinstance(noise, np.ndarray):
            distance = np.arange(len(mean)) / self.grid.size
            mean = mean * np.interp(distance, np.linspace(0, 0.5, len(noise)), noise)
        else:
            mean = mean * noise
        regularised = power + mean.astype(np.float32)[shell]
        seen = (radius < 0.5) & (regularised > 0)
        return np.divide(values, regularised, out=np.zeros_like(values), where=seen)

    def volume(self, noise: np.ndarray | float) -> np.ndarray:
        """The volume float32 (D, D, D) of `spectrum`."""
        return self.grid.volume(self.spectrum(noise))
