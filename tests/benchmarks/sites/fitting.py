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


@dataclass
class Fitting:
    """What a calibration is fitted to: for each case the network's means (3, m), features (3, m, 5) or None without
    homologs, and what is right and known (3, m).
    """

    cases: list[tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, case: SiteCase, means: np.ndarray, evidence: HomologEvidence | None) -> None:
        index = case.of_atom[find_residues(case.model).first_atom]
        known = case.labels.known[:, index] & np.isfinite(means)
        features = None if evidence is None else site_features(means, evidence)
        if evidence is not None:
            features[:, np.isnan(evidence.conservation)] = np.nan
        self.cases.append((means, features, case.labels.sites[:, index], known))

    def fitted(self) -> dict[str, tuple[float, ...]]:
        """The fields of the network's configuration; those for homologs only if some case has homologs."""
        means, truth, known = (np.concatenate([one[at] for one in self.cases], axis=1) for at in (0, 2, 3))
        each = [fit_logistic(logit_of(m[k]), t[k]) for m, t, k in zip(means, truth, known, strict=True)]
        scale, offset = zip(*each, strict=True)
        found = {"whole_scale": scale, "whole_offset": offset}
        told = [one for one in self.cases if one[1] is not None]
        if told:
            features = np.concatenate([one[1] for one in told], axis=1)
            right, sure = (np.concatenate([one[at] for one in told], axis=1) for at in (2, 3))
            sure = sure & np.isfinite(features).all(axis=-1)
            coefficients = fit_combination(np.nan_to_num(features), right, sure)
            found["combination"] = tuple(float(each) for each in coefficients.ravel())
        return found
