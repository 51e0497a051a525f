"""Fourier shell correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Triple


@dataclass(frozen=True, eq=False, repr=False)
class ShellCorrelation:
    """An FSC curve: shell centres `frequency` (n,) in 1/Å, `correlation` (n,), `count` (n,) coefficients per shell.

    `correlation` is NaN in shells where a map has no power.
    """

    frequency: np.ndarray
    correlation: np.ndarray
    count: np.ndarray

    def resolution_at(self, threshold: float) -> float | None:
        """The resolution in Å where the curve first falls below `threshold`, interpolated between shells.

        None if it never does; the maps then agree as far as the curve is defined.
        """
        known = np.isfinite(self.correlation)
        if not known.all():
            return ShellCorrelation(self.frequency[known], self.correlation[known], self.count[known]).resolution_at(
                threshold
            )
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
    """FSC of two maps (nz, ny, nx) on one grid, in shells one Fourier step of the longest edge wide.

    Shells run from one step to the Nyquist frequency of the coarsest axis; the mean (frequency 0) is excluded.
    `voxel_size` is (x, y, z) in Å.
    """
    shells = Shells(a.shape, voxel_size)
    return shell_correlation(shells, shells.transform(a), shells.transform(b))


def shell_correlation(shells: Shells, fa: np.ndarray, fb: np.ndarray) -> ShellCorrelation:
    """FSC of the transforms `shells.transform` of two maps; see `fourier_shell_correlation`."""
    cross = shells.sum((fa * fb.conj()).real.astype(np.float64))
    power = shells.sum(np.abs(fa).astype(np.float64) ** 2) * shells.sum(np.abs(fb).astype(np.float64) ** 2)
    correlation = np.divide(cross, np.sqrt(power), out=np.full_like(cross, np.nan), where=power > 0)
    return ShellCorrelation(shells.frequency[1:], correlation[1:], shells.count[1:].astype(np.int64))


def fsc_area(fsc: ShellCorrelation, box: int) -> float:
    """The area below the FSC of maps of `box` voxels along each edge, over k / box, from 0 (where it is 1) to shell
    box / 2 - 1, by trapezoids; a shell without power counts as 0.

    The score of CryoBench (M. Jeon et al., NeurIPS 2024); it is at most `largest_fsc_area`.
    """
    curve = np.concatenate([[1.0], np.nan_to_num(fsc.correlation[: box // 2 - 1])])
    return float((curve[1:] + curve[:-1]).sum() / 2 / box)


def largest_fsc_area(box: int) -> float:
    """The `fsc_area` of maps that agree: (box / 2 - 1) / box."""
    return (box // 2 - 1) / box
