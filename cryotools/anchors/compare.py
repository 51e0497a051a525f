"""Residues found in a map beside those of a model: which are right, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.anchors.detected import DetectedResidues, Detection
from cryotools.anchors.labels import UNKNOWN, ResidueTruth, residue_truth
from cryotools.anchors.score import THERE, counted, right_residues
from cryotools.core.errors import DataError
from cryotools.core.structures.structure import WATER, Structure
from cryotools.metrics.detection import match_points

RIGHT, WRONG_TYPE, WRONG_PLACE, UNJUDGED = range(4)
_NEAR = 3.0  # Å


@dataclass(frozen=True)
class ModelComparison:
    """The n residues found in a map, compared with a model.

    Attributes
    ----------
    truth : the model's residues
    verdict : uint8 (n,); RIGHT: matched within 3 Å with a residue of the same type (by centres of mass), WRONG_TYPE:
        with one of another (by Cα), WRONG_PLACE: with none. UNJUDGED: in density without a model, or the model's
        residue lacks part of its side chain
    recall : fraction of the model's Cα atoms in the map that are found within 3 Å (with a presence above 0.5)
    """

    truth: ResidueTruth
    verdict: np.ndarray
    recall: float

    def share_right(self, which: np.ndarray) -> float:
        """The fraction of the residues `which` (k,) that is right, of those that can be judged; NaN without any."""
        judged = self.verdict[which][self.verdict[which] != UNJUDGED]
        return float(np.mean(judged == RIGHT)) if len(judged) else float("nan")


def compare_with_model(detection: Detection, structure: Structure) -> ModelComparison:
    """Compare the residues of a detection with those of `structure`.

    Raises
    ------
    DataError
        The structure has no amino acid, or none lies in the map.
    """
    structure = structure[(structure.kind != WATER) & (structure.element != 1)]
    truth = residue_truth(structure)
    if not detection.volume.grid.contains(truth.ca).any():
        raise DataError(f"{structure.name}: no amino acid lies in the map; check that model and map overlay")
    residues = detection.residues
    counts = counted(detection.volume, residues.ca, structure.xyz)
    verdict = _verdicts(residues, truth, counts)
    found = residues.ca[counts & (residues.presence > THERE)]
    inside = truth.ca[detection.volume.grid.contains(truth.ca)]
    return ModelComparison(truth, verdict, len(match_points(found, inside, _NEAR)) / len(inside))


def _verdicts(residues: DetectedResidues, truth: ResidueTruth, counts: np.ndarray) -> np.ndarray:
    use = np.flatnonzero(counts)
    verdict = np.where(counts, WRONG_PLACE, UNJUDGED).astype(np.uint8)
    matched = match_points(residues.ca[use], truth.ca, _NEAR)
    unknown = truth.amino[matched.truth] == UNKNOWN
    verdict[use[matched.found]] = np.where(unknown, UNJUDGED, WRONG_TYPE)
    verdict[right_residues(residues, truth, counts)] = RIGHT
    return verdict
