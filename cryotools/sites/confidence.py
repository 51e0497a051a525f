"""Probabilities of residues and sites that come true as often as they say.

A network's own calibration is fitted on boxes most of which are cut around sites, so in whole proteins it expects too
many. A logistic correction, and the coefficients with which homologs are combined (`sites.evidence`), are fitted to the
residues of whole proteins that the network was not trained on. They belong to one network and are stored with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy.special import expit, logit

from cryotools.core.compute.checkpoint import load_shipped
from cryotools.sites.labels import SITE_NAMES
from cryotools.sites.network import BINDING_SITES, BindingSitesConfig

LEAST = 1e-4  # probabilities are kept this far from 0 and 1


@dataclass(frozen=True, eq=False)
class SiteCalibration:
    """What turns a network's probabilities into those of residues and sites of whole proteins.

    Attributes
    ----------
    scale, offset, exposure : float64 (3,), in the order of `SITE_NAMES`: the calibrated logit is scale × (the logit +
        exposure × that of the residue, standardised over its chain) + offset
    coefficients : float64 (3, 5), of the logistic regression that adds what homologs tell, see `sites.evidence`
    borrowed : whether any of them were fitted to the shipped network, as the file in use has none
    """

    scale: np.ndarray
    offset: np.ndarray
    exposure: np.ndarray
    coefficients: np.ndarray
    borrowed: bool = False

    def seen(self, means: np.ndarray, exposed: np.ndarray | None = None) -> np.ndarray:
        """Log-odds (3, …) of mean probabilities of voxels, with the standardised exposure (…) of residues if given."""
        logits = logit_of(means)
        return logits if exposed is None else logits + self._for(means, self.exposure) * exposed

    def of_whole_proteins(self, means: np.ndarray, exposed: np.ndarray | None = None) -> np.ndarray:
        """Calibrated probabilities (3, …) from mean probabilities (3, …) of voxels, in the order of `SITE_NAMES`, and
        from the standardised exposure (…) of residues if given.
        """
        scale, offset = self._for(means, self.scale), self._for(means, self.offset)
        return expit(scale * self.seen(means, exposed) + offset)

    @staticmethod
    def _for(means: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return numbers.reshape(-1, *(1,) * (means.ndim - 1))


def logit_of(means: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, finite."""
    return logit(np.clip(means, LEAST, 1 - LEAST))


def calibration_of(config: BindingSitesConfig) -> SiteCalibration:
    """The calibration stored in a network's configuration; what it lacks is that of the shipped network.

    Raises
    ------
    DataError
        The shipped weights are missing or damaged.
    """
    parts = [config.whole_scale, config.whole_offset, config.whole_exposure, config.combination]
    borrowed = not all(parts)
    if borrowed:
        other = cast(BindingSitesConfig, load_shipped(BINDING_SITES.name, [BINDING_SITES])[1])
        theirs = [other.whole_scale, other.whole_offset, other.whole_exposure, other.combination]
        parts = [mine or his for mine, his in zip(parts, theirs, strict=True)]
    scale, offset, exposure, coefficients = (np.array(part, dtype=np.float64) for part in parts)
    return SiteCalibration(scale, offset, exposure, coefficients.reshape(len(SITE_NAMES), -1), borrowed)
