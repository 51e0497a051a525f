"""Boxes simulated from homologs, degraded to what one map looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.maps import soften
from cryotools.core.maps.prepare import PREPARED_RANGE
from cryotools.core.maps.resample import SPACING
from cryotools.core.maps.shells import Shells
from cryotools.homologs.adapt.conditions import QueryConditions
from cryotools.simulate.boxes import BoxStyle, box_strength
from cryotools.training.augment import masked, noise, random_end

_AROUND = 0.06  # × the resolution, either way
_JITTER = 20.0  # Å², standard deviation of the fall-off around the map's
_MOST = 250.0  # Å², largest change of the B factor
_NOISE = (0.7, 1.4)  # × the map's
_UNKNOWN_NOISE = (0.03, 0.3)  # where the map has no solvent to measure it in


def matched_style(conditions: QueryConditions) -> BoxStyle:
    """Boxes at about the map's resolution, by the learned simulator, by mobile Gaussians and by molmap."""
    near = conditions.resolution * (1 - _AROUND), conditions.resolution * (1 + _AROUND)
    return BoxStyle(finer=near, coarser=near, learned=0.5, mobile=0.3)


@dataclass(frozen=True)
class MatchedExperiment:
    """Degrades clean boxes to the fall-off, the noise and the masking of a map; see `simulate.boxes.Experiment`."""

    conditions: QueryConditions

    def __call__(
        self, clean: np.ndarray, distance: np.ndarray, resolution: float, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        shells = Shells(clean.shape, (SPACING,) * 3)
        end = random_end(shells, resolution, random)
        smooth = shells.scale(clean, end)
        have = soften.slope(smooth, resolution, self.conditions.voxel_size)
        change = have - self.conditions.slope + random.normal(0, _JITTER)
        if np.isfinite(change):
            smooth = shells.change_b(smooth, float(np.clip(change, -_MOST, _MOST)), resolution)
        smooth /= box_strength(smooth)
        noisy = smooth + np.float32(self._noise(random)) * noise(smooth.shape, random, end)
        if self.conditions.masked:
            noisy = masked(noisy, distance, random, always=True)
        return smooth, np.clip(noisy, *PREPARED_RANGE)

    def _noise(self, random: np.random.Generator) -> float:
        known = np.isfinite(self.conditions.noise)
        low, high = np.log(_NOISE if known else _UNKNOWN_NOISE)
        return float(np.exp(random.uniform(low, high)) * (self.conditions.noise if known else 1.0))
