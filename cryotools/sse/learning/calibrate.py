"""Temperature calibration (`training.calibration`) for residues, whose probabilities are means over their backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from cryotools.core.maps.volume import Volume
from cryotools.core.structures.residues import polymer_backbone
from cryotools.core.structures.structure import Structure
from cryotools.sse.truth.assign import ClassedResidues
from cryotools.training.calibration import least_temperature

_LEAST = 1e-6  # lower bound on probabilities before taking the logarithm


@dataclass(frozen=True)
class BackboneLogits:
    """Logits (n, k) at the backbone atoms of a map's residues, the residue of each atom (n,), counted from 0 without
    gaps, the class of each residue (m,) and its `index` (m,) among all residues of the model.
    """

    logits: np.ndarray
    residue: np.ndarray
    classes: np.ndarray
    index: np.ndarray

    def probabilities(self, temperature: float) -> np.ndarray:
        """Class probabilities of the residues (m, k), averaged over their atoms."""
        each = softmax(self.logits / temperature, axis=1)
        count = np.bincount(self.residue)
        total = [np.bincount(self.residue, weights=one) for one in each.T]
        return np.stack(total, axis=1) / count[:, None]

    def of_residues(self, count: int, temperature: float) -> np.ndarray:
        """Class probabilities float32 (count, k) of all residues of the model; NaN for those not included here."""
        every = np.full((count, self.logits.shape[1]), np.nan, dtype=np.float32)
        every[self.index] = self.probabilities(temperature)
        return every


def backbone_logits(
    logits: np.ndarray, volume: Volume, structure: Structure, residues: ClassedResidues
) -> BackboneLogits:
    """A network's `logits` (k, nz, ny, nx), on the grid of `volume`, at the backbone of residues of known class."""
    wanted = polymer_backbone(structure) & (residues.of_atom >= 0) & volume.grid.contains(structure.xyz)
    wanted &= residues.known[residues.of_atom]
    there, residue = np.unique(residues.of_atom[wanted], return_inverse=True)
    values = [volume.with_data(one).sample(structure.xyz[wanted]) for one in logits]
    return BackboneLogits(np.stack(values, axis=1), residue, residues.classes[there], there)


def negative_log_likelihood(maps: Sequence[BackboneLogits], temperature: float) -> float:
    """Mean over maps of the mean over residues of -log p(class)."""
    means = []
    for one in maps:
        of_class = one.probabilities(temperature)[np.arange(len(one.classes)), one.classes]
        means.append(-np.log(np.maximum(of_class, _LEAST)).mean())
    return float(np.mean(means))


def fit_backbone_temperature(maps: Sequence[BackboneLogits]) -> float:
    """The temperature, from 0.2 to 5, that minimises the negative log likelihood; 1 if there are no residues."""
    maps = [one for one in maps if len(one.classes)]
    if not maps:
        return 1.0
    return least_temperature(lambda temperature: negative_log_likelihood(maps, temperature))
