"""Probabilistic principal component analysis of volumes from images, by expectation maximisation.

The model is that of 3D variability analysis (Punjani & Fleet, J. Struct. Biol. 213, 107702, 2021): each volume is the
mean plus a few components times z. The posterior of z is known in closed form, and given it, mean and components are a
weighted least squares at each point of the Fourier grid; the two alternate (Tipping & Bishop, J. R. Stat. Soc. B 61,
611, 1999), from low frequencies to high.

Two halves of the images have volumes of their own, and the z of each half come from the volumes of the other. So no
image's noise reinforces itself, the covariance of the halves is that of the signal, which sets the Wiener filter of
each component (as regularisation by half sets in Gilles & Singer, PNAS 122, e2419140122, 2025), and the likelihood of
images under the other half's volumes says when to stop. At full resolution the halves also show, voxel by voxel, where
each component is and where there is only solvent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.learning.dataset import HalfImages
from cryotools.heterogeneity.linear.halves import Halves
from cryotools.heterogeneity.linear.subspace import LinearTraining, Subspace, Sweep

_FIRST_RADIUS, _GROWTH = 6.0, 1.4  # frequency steps, and how much the radius grows from one stage to the next
_FREE_SWEEPS, _STAGE_SWEEPS = 3, 6
_GAIN = 0.02  # of log-likelihood per image, with which a stage goes on


def fit_linear(
    images: HalfImages,
    training: LinearTraining,
    *,
    after: Callable[[Sweep], None] | None = None,
    progress: Progress | None = None,
) -> Subspace:
    """Fit a subspace to images; `after` is called after every pass over them."""
    progress = progress or NoProgress()
    radii = stages(images.box / 2)
    progress.start(training.sweeps, "passes over all images")
    halves = Halves(images, training, radii[0])
    left = training.sweeps
    for number, radius in enumerate(radii):
        if number:
            halves.widen(radius)
        best = -np.inf
        for sweep in range(min(_STAGE_SWEEPS, max(1, left - (len(radii) - 1 - number)))):
            found = halves.sweep(estimate=number > 0 or sweep >= _FREE_SWEEPS)
            left -= 1
            progress.advance()
            if after:
                after(found)
            settled = found.log_likelihood - best < _GAIN and (number > 0 or sweep > _FREE_SWEEPS)
            best = max(best, found.log_likelihood)
            if settled and sweep > 1:
                break
    return halves.joined()


def stages(last: float) -> list[float]:
    """Radii in frequency steps, from a low one to `last`."""
    found = [last]
    while found[0] / _GROWTH > _FIRST_RADIUS:
        found.insert(0, found[0] / _GROWTH)
    return found
