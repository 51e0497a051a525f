"""What a linear fit is asked for, what each of its passes finds, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LinearTraining:
    """`zdim` components in at most `sweeps` passes over all images; `contrast` is the first guess of the spread of the
    images' scales around 1, and 0 leaves all scales at 1.
    """

    zdim: int = 8
    sweeps: int = 30
    contrast: float = 0.2
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Subspace:
    """`volumes` float32 (q + 1, D, D, D), the mean and components for z ~ N(0, 1); `spread` of the images' scales."""

    volumes: np.ndarray
    spread: float

    @property
    def deviations(self) -> np.ndarray:
        """The norms (q,) of the components: how much volumes differ along each."""
        return np.sqrt((self.volumes[1:].astype(np.float64) ** 2).sum(axis=(1, 2, 3)))


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a pass over all images found: `log_likelihood` per image and mean `squared_error`, both under the volumes of
    the half without it and within `radius`, and the `spread` of scales.
    """

    radius: float
    log_likelihood: float
    squared_error: float
    spread: float
