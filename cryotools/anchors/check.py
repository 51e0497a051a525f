"""Checks of a map and of what is found in it: each only warns."""

from __future__ import annotations

import warnings

from cryotools.anchors.detected import Detection
from cryotools.core.errors import CryotoolsWarning

COARSEST = 4.5  # Å; beyond it side chains cannot be told apart
_LEAST_SHARE = 0.02  # of the residues, as anchors


def warn_if_coarse(resolution: float | None) -> None:
    """Warn of resolutions worse than 4.5 Å."""
    if resolution is not None and resolution > COARSEST:
        warnings.warn(
            f"at {resolution:g} A side chains cannot be told apart (limit: {COARSEST:g} A): expect hardly any anchors",
            CryotoolsWarning,
            stacklevel=3,
        )


def warn_if_few(detection: Detection, confidence: float) -> None:
    """Warn if hardly any residue is as sure as `confidence`."""
    count, anchors = len(detection.residues), len(detection.anchors(confidence))
    if not count:
        text = "no residue is found: the map may be too coarse or contain no protein; check its voxel size and contrast"
    elif anchors < _LEAST_SHARE * count:
        text = (
            f"only {anchors} of {count} residues found have a confidence of {confidence:g}: the map may be too coarse "
            "for its side chains, or have the wrong hand; check its resolution, voxel size and handedness"
        )
    else:
        return
    warnings.warn(text, CryotoolsWarning, stacklevel=3)
