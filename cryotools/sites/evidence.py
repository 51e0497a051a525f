"""What homologs tell about the residues of a model: conservation, and the sites of homologs' own structures.

Conservation is the Jensen-Shannon divergence of `homologs.search.conservation`, standardised over each chain. Sites are
transferred through the alignment: for each residue, the share of homologs at whose aligned residue there is a site,
among those whose structure tells, weighted by the square of their identity. The network's probability and both are
combined by a logistic regression with one set of coefficients for each kind of site.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.structures.residues import Residues, find_residues
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.search.chains import SHORTEST, residues_at
from cryotools.homologs.search.conservation import conservation
from cryotools.homologs.search.hits import Homolog, HomologFolder
from cryotools.sites.confidence import SiteCalibration
from cryotools.sites.labels import SITE_NAMES, SiteLabels, label_sites

FEATURES = ("network", "conservation", "transferred", "not transferred", "constant")
_LIKE = 0.5  # share of a chain's residues that must be found in a query


@dataclass(frozen=True, eq=False)
class HomologEvidence:
    """What homologs tell about m residues.

    Attributes
    ----------
    conservation : float64 (m,), 0 to 1; NaN for residues of which no query is known
    standard : float64 (m,), the same with mean 0 and standard deviation 1 over each chain; 0 where it is unknown
    transferred : float64 (3, m), share of homologs with a site there; NaN where none tells
    """

    conservation: np.ndarray
    standard: np.ndarray
    transferred: np.ndarray


def gather_evidence(structure: Structure, folder: HomologFolder) -> HomologEvidence:
    """What the homologs in `folder` tell about the protein residues of a model.

    Raises
    ------
    DataError
        `folder` holds no queries, or none of them is like a chain of the model.
    """
    if not folder.sequences:
        raise DataError("the folder of homologs holds no queries; make it with find-homologs")
    residues = find_residues(structure)
    known = np.full(len(residues), np.nan)
    standard = np.zeros(len(residues))
    transferred = np.full((len(SITE_NAMES), len(residues)), np.nan)
    labelled: dict[str, SiteLabels | None] = {}
    told = 0
    for chain in dict.fromkeys(residues.chain[residues.kind == PROTEIN].tolist()):
        query, at = _query_of(residues, chain, folder)
        if query is None:
            continue
        told += 1
        there = at >= 0
        values = conservation(folder.alignment_file(query)) if folder.of(query) else np.full(len(at), np.nan)
        known[at[there]] = values[there]
        spread = np.nanstd(values[there]) if np.isfinite(values[there]).any() else 0
        if spread > 0:
            standard[at[there]] = (values[there] - np.nanmean(values[there])) / spread
        transferred[:, at[there]] = _transferred(folder.of(query), len(at), labelled)[:, there]
    if not told:
        names = ", ".join(list(folder.sequences)[:3])
        raise DataError(
            f"{structure.name}: no chain has the sequence of a query of the homologs ({names}); "
            "search with the sequences of this molecule"
        )
    return HomologEvidence(known, standard, transferred)


def site_features(seen: np.ndarray, evidence: HomologEvidence) -> np.ndarray:
    """What the regression sees, (3, m, 5) in the order of `FEATURES`, from the log-odds (3, m) of the network."""
    unknown = np.isnan(evidence.transferred)
    level = np.broadcast_to(evidence.standard, seen.shape)
    return np.stack([seen, level, np.where(unknown, 0, evidence.transferred), unknown, np.ones_like(seen)], axis=-1)


def combined(
    means: np.ndarray, evidence: HomologEvidence, calibration: SiteCalibration, exposed: np.ndarray | None = None
) -> np.ndarray:
    """Probabilities (3, m) from the network's mean over voxels (3, m), evidence, the network's calibration, and the
    standardised exposure (m,) of the residues. Those of which homologs say nothing have the network's, calibrated.
    """
    features = site_features(calibration.seen(means, exposed), evidence)
    both = expit((features * calibration.coefficients[:, None]).sum(axis=-1))
    silent = np.isnan(evidence.conservation) & np.isnan(evidence.transferred)
    return np.where(silent, calibration.of_whole_proteins(means, exposed), both)


def _query_of(residues: Residues, chain: str, folder: HomologFolder) -> tuple[str | None, np.ndarray]:
    """The query most like a chain, and the residue at each of its positions; None if less than half is like it."""
    length = int(np.count_nonzero((residues.chain == chain) & (residues.kind == PROTEIN)))
    best, places = None, np.zeros(0, dtype=int)
    most = _LIKE * length
    for name, letters in folder.sequences.items():
        if length < SHORTEST:
            break
        at = residues_at(letters, residues, chain)
        if np.count_nonzero(at >= 0) > most:
            most, best, places = int(np.count_nonzero(at >= 0)), name, at
    return best, places


def _transferred(homologs: tuple[Homolog, ...], length: int, labelled: dict[str, SiteLabels | None]) -> np.ndarray:
    """For each position of a query, the weighted share of homologs with a site there (3, length); NaN if none tells."""
    total, weight = np.zeros((2, len(SITE_NAMES), length))
    for one in homologs:
        key = str(one.source)
        if key not in labelled:
            labelled[key] = _labels(one)
        labels = labelled[key]
        if labels is None:
            continue
        query, target = one.aligned_residues(labels.residues)
        importance = (one.identity if np.isfinite(one.identity) else 0.3) ** 2
        present = labels.sites.any(axis=1)
        for site in np.flatnonzero(present):
            known = labels.known[site, target]
            weight[site, query[known]] += importance
            total[site, query[known]] += importance * labels.sites[site, target[known]]
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)


def _labels(one: Homolog) -> SiteLabels | None:
    path = one.source if one.source.exists() else one.path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)
        try:
            return label_sites(read_structure(path, skip_unknown=True))
        except DataError:
            return None
