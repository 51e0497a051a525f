"""Probabilities of residues and sites that come true as often as they say.

The network's own calibration was fitted on boxes most of which were cut around sites, so in whole proteins it expects
too many. A logistic correction was fitted to the residues of 25 whole proteins, with and without their partners, that
the network was not trained on.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

SCALE = np.array([1.177, 1.464, 1.612])  # in the order of `SITE_NAMES`
OFFSET = np.array([-0.295, 1.252, 0.572])
_LEAST = 1e-4  # probabilities are kept this far from 0 and 1


def of_whole_proteins(means: np.ndarray) -> np.ndarray:
    """Calibrated probabilities (3, …) from mean probabilities (3, …) of voxels, in the order of `SITE_NAMES`."""
    shape = (-1, *(1,) * (means.ndim - 1))
    seen = logit(np.clip(means, _LEAST, 1 - _LEAST))
    return expit(SCALE.reshape(shape) * seen + OFFSET.reshape(shape))
