"""Numbers that hold for a whole map and are given to a network beside it: its resolution, and whether that is known."""

from __future__ import annotations

import numpy as np

from cryotools.core.errors import ArgumentError

RESOLUTION_CONDITIONS = 2
_MIDDLE, _SPREAD = 4.0, 2.0  # Å, which scale the resolution
_RESOLUTIONS = (1.0, 15.0)  # Å; beyond, one says no more than the limit


def resolution_conditions(resolution: float | None) -> np.ndarray:
    """The resolution in Å, scaled, and whether it is known, float32 (RESOLUTION_CONDITIONS,); None where it is not.

    Raises
    ------
    UsageError
        The resolution is not a positive number.
    """
    if resolution is None:
        return np.zeros(RESOLUTION_CONDITIONS, dtype=np.float32)
    if not (np.isfinite(resolution) and resolution > 0):
        raise ArgumentError("resolution", f"{resolution:g}", "give a positive number of angstroms")
    return np.array([(np.clip(resolution, *_RESOLUTIONS) - _MIDDLE) / _SPREAD, 1.0], dtype=np.float32)
