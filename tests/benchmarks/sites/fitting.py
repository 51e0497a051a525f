"""What is fitted to the residues of whole proteins: the calibration, and how homologs are combined with the network."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from cases import SiteCase

from cryotools.core.structures.residues import find_residues
from cryotools.sites.confidence import logit_of
from cryotools.sites.evidence import HomologEvidence, site_features
from cryotools.sites.learning.calibrate import fit_logistic
from cryotools.sites.learning.combine import fit_combination
from cryotools.sites.residues import SiteResidues, standard_exposure

_LEAST = 0.05  # scale of log-odds


@dataclass
class Fitting:
    """What a calibration is fitted to: for each case the network's log-odds (3, m), the exposure of residues (m,), the
    evidence of homologs or None, and what is right and known (3, m).
    """

    cases: list[tuple[np.ndarray, np.ndarray, HomologEvidence | None, np.ndarray, np.ndarray]] = field(
        default_factory=list
    )

    def add(self, case: SiteCase, found: SiteResidues, evidence: HomologEvidence | None) -> None:
        index = case.of_atom[find_residues(case.model).first_atom]
        known = case.labels.known[:, index] & np.isfinite(found.network)
        seen = logit_of(np.where(np.isfinite(found.network), found.network, 0.5))
        self.cases.append((seen, standard_exposure(found.residues), evidence, case.labels.sites[:, index], known))

    def fitted(self) -> dict[str, tuple[float, ...]]:
        """The fields of the network's configuration; those for homologs only if some case has homologs."""
        features = [_columns(seen, exposed) for seen, exposed, *_ in self.cases]
        scale, exposure, offset = self._regression(features, [one[4] for one in self.cases], self.cases).T
        for site in np.flatnonzero(scale < _LEAST):  # a network that knows nothing of these sites
            each = [(one[0][site], one[3][site], one[4][site]) for one in self.cases]
            seen, truth, known = (np.concatenate(parts) for parts in zip(*each, strict=True))
            scale[site], offset[site] = fit_logistic(seen[known], truth[known])
            exposure[site] = 0.0
        found = {"whole_scale": scale, "whole_exposure": exposure / scale, "whole_offset": offset}
        told = [one for one in self.cases if one[2] is not None]
        if told:
            slope = (exposure / scale)[:, None]
            features = [site_features(seen + slope * exposed, evidence) for seen, exposed, evidence, *_ in told]
            known = [one[4] & ~np.isnan(one[2].conservation) for one in told]
            found["combination"] = self._regression(features, known, told)
        return {name: tuple(float(each) for each in value.ravel()) for name, value in found.items()}

    @staticmethod
    def _regression(features, known, cases):
        truth = [one[3] for one in cases]
        return fit_combination(*(np.concatenate(parts, axis=1) for parts in (features, truth, known)))


def _columns(seen: np.ndarray, exposed: np.ndarray) -> np.ndarray:
    return np.stack([seen, np.broadcast_to(exposed, seen.shape), np.ones_like(seen)], axis=-1)
