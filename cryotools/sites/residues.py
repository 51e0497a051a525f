"""Binding sites residue by residue: predictions, their table, and scores against the sites of a complex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structure import PROTEIN
from cryotools.metrics.detection import precision_recall
from cryotools.metrics.ranks import roc_area
from cryotools.sites.evidence import HomologEvidence
from cryotools.sites.labels import SITE_NAMES

_NEIGHBOURS = 10.0  # Å between CA atoms


@dataclass(frozen=True, eq=False, repr=False)
class SiteResidues:
    """The m residues of a model and the probabilities that they belong to sites.

    Attributes
    ----------
    residues : all residues of the model
    probabilities : float32 (3, m), in the order of `SITE_NAMES`; NaN for nucleotides and outside the map
    network : float32 (3, m), means of the network's maps over each residue's atoms
    alone : float32 (3, m), probabilities without homologs: `network` and the exposure of residues, calibrated
    evidence : what homologs tell, if they were given
    """

    residues: Residues
    probabilities: np.ndarray
    network: np.ndarray
    alone: np.ndarray
    evidence: HomologEvidence | None = None

    def rows(self) -> list[dict[str, Any]]:
        """A table with a row per amino acid; None where there is no value."""
        r, found = self.residues, []
        for i in np.flatnonzero(r.kind == PROTEIN):
            row: dict[str, Any] = {
                "chain": str(r.chain[i]),
                "residue_number": int(r.residue_number[i]),
                "insertion_code": str(r.insertion_code[i]),
                "residue_name": str(r.residue_name[i]),
                **{f"p_{name}": _value(self.probabilities[site, i]) for site, name in enumerate(SITE_NAMES)},
            }
            if self.evidence is not None:
                row |= {f"map_{name}": _value(self.alone[site, i]) for site, name in enumerate(SITE_NAMES)}
                row["conservation"] = _value(self.evidence.conservation[i])
                for site, name in enumerate(SITE_NAMES):
                    row[f"homologs_{name}"] = _value(self.evidence.transferred[site, i])
            found.append(row)
        return found


@dataclass(frozen=True)
class SiteScore:
    """Scores of a ranking of `n` residues, of which the fraction `prior` belong to sites: average precision and area
    below the ROC curve.
    """

    n: int
    prior: float
    ap: float
    auc: float


def score_sites(values: np.ndarray, truth: np.ndarray, known: np.ndarray) -> SiteScore | None:
    """The score of `values` (m,) over the residues `known` (m,) that have one, against their `truth` (m,); None if all
    or none of these belong to sites.
    """
    judged = known & np.isfinite(values)
    right = truth[judged].astype(bool)
    if not 0 < right.sum() < len(right):
        return None
    ap = precision_recall(values[judged], right, int(right.sum())).average_precision()
    return SiteScore(len(right), float(right.mean()), ap, roc_area(values[judged], right))


def exposure(residues: Residues) -> np.ndarray:
    """How exposed each amino acid is in its chain alone, (m,): minus the number of Cα atoms within 10 Å; NaN without a
    Cα atom. The baseline that sites have to be better than.
    """
    ca, exposed = residues.ca, np.full(len(residues), np.nan)
    for chain in np.unique(residues.chain):
        mine = np.flatnonzero((residues.chain == chain) & np.isfinite(ca).all(axis=1))
        tree = cKDTree(ca[mine]) if len(mine) else None
        if tree is not None:
            exposed[mine] = [-len(near) for near in tree.query_ball_point(ca[mine], _NEIGHBOURS)]
    return exposed


def standard_exposure(residues: Residues) -> np.ndarray:
    """`exposure` with mean 0 and standard deviation 1 over each chain, (m,); 0 where it is unknown."""
    found, standard = exposure(residues), np.zeros(len(residues))
    for chain in np.unique(residues.chain):
        mine = np.flatnonzero((residues.chain == chain) & np.isfinite(found))
        spread = found[mine].std() if len(mine) else 0.0
        if spread > 0:
            standard[mine] = (found[mine] - found[mine].mean()) / spread
    return standard


def _value(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
