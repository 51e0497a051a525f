"""The Ramachandran densities as a smooth energy in torch."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from cryotools.modelling.geometry.ramachandran import FLOOR, STEP, ramachandran_table

_SLOPE = 0.05  # per degree, by which the energy rises where the table has no data, so that there is a way back


class RamachandranSurface:
    """The energy of φ and ψ of residues of `classes` (k,): the negative log density above that of the densest point, by
    cubic interpolation, so that its gradient is continuous. The energies are first blurred by `blur` degrees: lower
    barriers let outliers find their way to what is common.
    """

    def __init__(
        self,
        classes: np.ndarray,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        blur: float = 0.0,
    ) -> None:
        self._values = torch.as_tensor(_energies(blur), dtype=dtype, device=device).flatten()
        self._size = ramachandran_table().values.shape[1]
        self._classes = torch.as_tensor(classes, dtype=torch.int64, device=device)

    def __call__(self, phi: Tensor, psi: Tensor) -> Tensor:
        """The energies (k,) at angles (k,) in radians."""
        (row, across), (column, along) = (self._place(angle) for angle in (phi, psi))
        cell = (self._classes[:, None, None] * self._size + row[:, :, None]) * self._size + column[:, None, :]
        return torch.einsum("kij,ki,kj->k", self._values[cell], across, along)

    def _place(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        """The four points of the table around each angle (k, 4), and their weights (k, 4): Catmull and Rom's spline."""
        index = (torch.rad2deg(angle) + 180) / STEP - 0.5
        below = index.detach().floor()
        t = index - below
        weights = torch.stack(
            [
                -0.5 * t + t**2 - 0.5 * t**3,
                1 - 2.5 * t**2 + 1.5 * t**3,
                0.5 * t + 2 * t**2 - 1.5 * t**3,
                -0.5 * t**2 + 0.5 * t**3,
            ],
            dim=1,
        )
        steps = torch.arange(-1, 3, device=angle.device)
        return (below.long()[:, None] + steps) % self._size, weights


@cache
def _energies(blur: float) -> np.ndarray:
    """The energies (6, 90, 90) at the points of the table, blurred by `blur` degrees; where it has no data they rise
    with the distance to some.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    energies = []
    for values in ramachandran_table().values:
        empty = np.tile(values <= FLOOR, (3, 3))  # across 180°
        size = len(values)
        away = STEP * distance_transform_edt(empty)[size : 2 * size, size : 2 * size]
        energies.append(gaussian_filter(values.max() - values + _SLOPE * away, blur / STEP, mode="wrap"))
    return np.stack(energies)
