"""Checks of an annotation before it is trusted: wrong handedness, low resolution, low confidence.

Each check only warns, and none rejects a map: one that looks like any of these may still be fine.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from cryotools.core.errors import CryotoolsWarning
from cryotools.core.maps.check import warn_of_wrong_hand
from cryotools.core.maps.volume import Volume
from cryotools.sse.elements.find import Element
from cryotools.sse.elements.hand import Winding, winding

COARSEST = 8.0  # Å; the network was trained on finer maps
LEFT_HANDED = 3.0  # × the right-handed power: mirror images of maps to 4 Å give 1.6 or more, most over 8
_LEAST_STRETCHES = 3  # of helix; with fewer the result is down to chance

_CONFIDENT = 0.5  # probability
_LEAST_VOLUME = 100.0  # Å3 of one class: about a turn of a helix


def check_resolution(resolution: float | None) -> None:
    """Warn of resolutions worse than 8 Å."""
    if resolution is not None and resolution > COARSEST:
        _warn(
            f"at {resolution:g} A secondary structure cannot be recognised reliably (limit: {COARSEST:g} A); "
            "expect low confidence"
        )


def check_confidence(probabilities: np.ndarray, voxel_volume: float) -> None:
    """Warn if hardly any voxel (of `voxel_volume` Å3) of class maps (4, nz, ny, nx) is classified with confidence."""
    confident = sum(int(np.count_nonzero(plane >= _CONFIDENT)) for one in probabilities[1:] for plane in one)
    if confident * voxel_volume < _LEAST_VOLUME:
        _warn(
            "no helix, sheet or nucleic acid is found with confidence: the map may be too coarse for the network, "
            "or contain none; check its resolution, voxel size and handedness"
        )


def check_hand(volume: Volume, elements: Sequence[Element]) -> Winding:
    """Warn if most helices look left-handed; returns how density winds around them (`sse.elements.hand`)."""
    found = winding(volume, elements)
    if found.stretches >= _LEAST_STRETCHES and found.left >= LEFT_HANDED * found.right:
        times = found.left / max(found.right, 1e-30)
        warn_of_wrong_hand(f"left-handed density around them is {times:.1f} times as strong as right-handed")
    return found


def _warn(text: str) -> None:
    warnings.warn(text, CryotoolsWarning, stacklevel=3)
