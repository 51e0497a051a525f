"""Score a model: its geometry, and its agreement with a reference and with a map."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsNote, CryotoolsWarning, DataError, UsageError
from cryotools.core.files.table import csv_text
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.residues import Residues, find_residues
from cryotools.core.structures.structure import Structure
from cryotools.modelling.geometry.check import Geometry, check_geometry
from cryotools.modelling.geometry.ramachandran import VERDICTS
from cryotools.modelling.scoring.agreement import Agreement, agreement
from cryotools.modelling.scoring.confidence import ConfidenceScores, confidence_scores
from cryotools.modelling.scoring.frame import onto_reference, warn_if_elsewhere
from cryotools.modelling.scoring.mapfit import MapFit, map_fit
from cryotools.modelling.scoring.qscore import SIGMA
from cryotools.modelling.scoring.trace import ModelTrace, model_trace

_NO_DENSITY = 0.1  # Q-score

GEOMETRY_COLUMNS = (
    *("chain", "residue_number", "insertion_code", "residue", "b_factor", "phi_deg", "psi_deg", "omega_deg"),
    *("ramachandran", "peptide", "cbeta_deviation_A", "bond_z", "angle_z", "nonplanar", "mirrored", "clashes"),
)
MAP_COLUMNS = ("q_score", "map_correlation")
REFERENCE_COLUMNS = ("reference_chain", "reference_number", "reference_residue", "distance_A", "right_type")


@dataclass(frozen=True)
class ModelScores:
    """The scores of a model.

    Attributes
    ----------
    residues : of the model, as `find_residues` finds them
    trace : its amino acids with a Cα
    geometry : bonds, angles, Ramachandran, clashes
    agreement : with the reference, None without one
    fit : to the map, None without one
    confidence : of the B factors as confidences, None unless asked for
    """

    structure: Structure
    residues: Residues
    trace: ModelTrace
    geometry: Geometry
    agreement: Agreement | None = None
    reference: Residues | None = None
    reference_trace: ModelTrace | None = None
    fit: MapFit | None = None
    confidence: ConfidenceScores | None = None

    def figures(self) -> dict[str, Any]:
        """The figures of the whole model: `geometry`, and `reference` and `map` if there was one."""
        chains = len(np.unique(self.trace.chain))
        found: dict[str, Any] = {"residues": len(self.trace), "chains": chains}
        found["geometry"] = asdict(self.geometry.summary)
        if self.agreement is not None:
            found["reference"] = self.agreement.figures()
        if self.fit is not None:
            found["map"] = self.fit.figures()
        if self.confidence is not None:
            found["confidence"] = asdict(self.confidence)
        return found

    def columns(self) -> tuple[str, ...]:
        """The columns of `rows`."""
        return (
            *GEOMETRY_COLUMNS,
            *(MAP_COLUMNS if self.fit is not None else ()),
            *(REFERENCE_COLUMNS if self.agreement is not None else ()),
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row for each amino acid with a Cα."""
        partner = np.full(len(self.trace), -1)
        distance = np.full(len(self.trace), np.nan)
        if self.agreement is not None:
            partner[self.agreement.matching.found] = self.agreement.matching.truth
            distance[self.agreement.matching.found] = self.agreement.matching.distance
        b_factor = _b_factors(self.structure, self.residues)
        peptides = self.geometry.peptides
        for index, at in enumerate(self.trace.row.tolist()):
            row = self._geometry_row(at, str(peptides[at])) | {"b_factor": float(b_factor[at])}
            if self.fit is not None:
                row |= {"q_score": float(self.fit.q[at]), "map_correlation": float(self.fit.correlation[at])}
            if self.agreement is not None:
                row |= self._reference_row(index, int(partner[index])) | {"distance_A": float(distance[index])}
            yield row

    def csv_text(self) -> str:
        """The rows as CSV."""
        return csv_text(self.columns(), self.rows())

    def _geometry_row(self, at: int, peptide: str) -> dict[str, Any]:
        geometry, torsions = self.geometry, self.geometry.torsions
        return {
            "chain": str(self.residues.chain[at]),
            "residue_number": int(self.residues.residue_number[at]),
            "insertion_code": str(self.residues.insertion_code[at]),
            "residue": str(self.residues.residue_name[at]),
            "phi_deg": float(torsions.phi[at]),
            "psi_deg": float(torsions.psi[at]),
            "omega_deg": float(torsions.omega[at]),
            "ramachandran": VERDICTS[geometry.ramachandran.verdict[at]],
            "peptide": peptide,
            "cbeta_deviation_A": float(geometry.cbeta[at]),
            "bond_z": float(geometry.bond_z[at]),
            "angle_z": float(geometry.angle_z[at]),
            "nonplanar": int(geometry.nonplanar[at]),
            "mirrored": int(geometry.mirrored[at]),
            "clashes": int(geometry.clashing[at]),
        }

    def _reference_row(self, index: int, partner: int) -> dict[str, Any]:
        if partner < 0 or self.reference is None or self.reference_trace is None:
            return dict.fromkeys(REFERENCE_COLUMNS)
        there = self.reference_trace.row[partner]
        return {
            "reference_chain": str(self.reference.chain[there]),
            "reference_number": f"{self.reference.residue_number[there]}{self.reference.insertion_code[there]}",
            "reference_residue": str(self.reference.residue_name[there]),
            "right_type": int(self.trace.letters[index] == self.reference_trace.letters[partner] != "X"),
        }


def score_structure(
    structure: Structure,
    *,
    reference: Structure | None = None,
    volume: Volume | None = None,
    resolution: float | None = None,
    q_sigma: float = SIGMA,
    superpose: bool = False,
    confidence: bool = False,
    progress: Progress | None = None,
) -> ModelScores:
    """Score the first model of `structure`.

    Parameters
    ----------
    reference : a model in the same frame to compare with
    volume, resolution : a map that the model should fit, and its resolution in Å; without it only Q-scores are computed
    q_sigma : Å, width of the Q-score's reference Gaussian; EMDB's reports have 0.4
    superpose : first bring the model onto the reference by their sequences
    confidence : judge the B factors of Cα atoms as confidences in per cent, against the reference

    Raises
    ------
    UsageError
        There is a resolution without a map, or `superpose` or `confidence` without a reference.
    DataError
        A structure has no Cα, lies outside the map altogether, or cannot be superposed, or its B factors are no
        percentages.
    """
    if not 0 < q_sigma < np.inf:
        raise ArgumentError("q_sigma", q_sigma, "give a positive number of angstroms")
    _check_options(resolution, volume, reference, superpose=superpose, confidence=confidence)
    structure = _first_model(structure)
    trace = model_trace(find_residues(structure), structure.name or "the model")
    target, theirs = None, None
    if reference is not None:
        reference = _first_model(reference)
        target = find_residues(reference)
        theirs = model_trace(target, reference.name or "the reference")
        if superpose:
            structure = onto_reference(structure, trace, theirs)
    residues = find_residues(structure)
    trace = model_trace(residues, structure.name)
    if volume is not None:
        _check_inside(structure.name, volume, trace)
    geometry = check_geometry(structure, residues)
    if not geometry.summary.ramachandran:
        text = f"{structure.name}: has no whole backbone, so no Ramachandran plot"
        warnings.warn(text, CryotoolsNote, stacklevel=2)
    found, fit = None, None
    if theirs is not None:
        found = agreement(trace, theirs)
        if not superpose:
            warn_if_elsewhere(found, trace, theirs, structure.name)
    if volume is not None:
        fit = map_fit(volume, structure, residues, resolution, q_sigma, progress)
        _warn_if_out(fit, structure.name)
    trust = _confidence(structure, residues, trace, found) if confidence and found is not None else None
    return ModelScores(structure, residues, trace, geometry, found, target, theirs, fit, trust)


def _b_factors(structure: Structure, residues: Residues) -> np.ndarray:
    """The B factor of each residue's Cα (m,), in which models often store their confidence."""
    found = np.full(len(residues), np.nan)
    atoms = np.flatnonzero((structure.atom_name == "CA") & (residues.of_atom >= 0))[::-1]
    found[residues.of_atom[atoms]] = structure.b_factor[atoms]
    return found


def _confidence(structure: Structure, residues: Residues, trace: ModelTrace, found: Agreement) -> ConfidenceScores:
    percent = _b_factors(structure, residues)[trace.row]
    if not (percent.min() >= 0 and percent.max() <= 100):
        span = f"{percent.min():g} to {percent.max():g}"
        raise DataError(f"{structure.name}: B factors of {span} are no confidences in per cent")
    placed = np.zeros(len(trace), dtype=bool)
    placed[found.matching.found] = True
    return confidence_scores(percent / 100, np.where(trace.letters == "X", placed, found.right))


def _check_options(
    resolution: float | None, volume: Volume | None, reference: Structure | None, **against: bool
) -> None:
    if resolution is not None and volume is None:
        raise UsageError("a resolution is that of a map; give `volume`")
    if resolution is not None and not 0 < resolution < np.inf:
        raise ArgumentError("resolution", resolution, "give a positive number of angstroms")
    for name, wanted in against.items():
        if wanted and reference is None:
            raise UsageError(f"`{name}` needs `reference`")


def _first_model(structure: Structure) -> Structure:
    return structure[structure.model == structure.model[0]] if len(structure) else structure


def _check_inside(name: str, volume: Volume, trace: ModelTrace) -> None:
    if not volume.grid.contains(trace.ca).any():
        raise DataError(f"{name}: no amino acid lies in the map; check that both have the same origin")


def _warn_if_out(fit: MapFit, name: str) -> None:
    if fit.outside:
        warnings.warn(f"{name}: {fit.outside} residues leave the map", CryotoolsWarning, stacklevel=3)
    if fit.q_mean < _NO_DENSITY:
        text = f"{name}: the mean Q-score is {fit.q_mean:.2f}, as of atoms outside density"
        warnings.warn(f"{text}; check that model and map overlay", CryotoolsWarning, stacklevel=3)
