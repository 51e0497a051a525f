"""Map-wide numbers given to a network along with the map: its resolution, and whether that is known."""

from __future__ import annotations

import numpy as np

from cryotools.core.errors import ArgumentError

RESOLUTION_CONDITIONS = 2
_MIDDLE, _SPREAD = 4.0, 2.0  # Å, offset and scale of the resolution
_RESOLUTIONS = (1.0, 15.0)  # Å; values beyond are clipped


def resolution_conditions(resolution: float | None) -> np.ndarray:
    """The resolution in Å, scaled, and whether it is known, float32 (RESOLUTION_CONDITIONS,); None if unknown.

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
