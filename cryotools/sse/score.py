"""How well class maps agree with a model: residue by residue, map by map, over many maps.

A residue's probabilities are the class maps, interpolated trilinearly, averaged over its backbone atoms in the map (N,
CA, C and O of amino acids, sugar and phosphate of nucleotides); its predicted class is the most probable one. Residues
with no backbone atom in the map, and amino acids with an incomplete backbone, whose class is unknown, are not scored.
Only modelled residues are scored: predictions where the model has no residue count only in the voxel scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryotools.core.maps.volume import Volume
from cryotools.core.structures.residues import backbone_means, backbone_sigma
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.metrics.bootstrap import Interval, bootstrap_interval
from cryotools.metrics.classification import confusion, expected_calibration_error, f1_per_class, recall_per_class
from cryotools.sse.truth.assign import CLASS_NAMES, HELIX, NUCLEOTIDE, OTHER, SHEET, ClassedResidues
from cryotools.sse.truth.labels import LEAST_SIGMA, Labels

CLASSES = len(CLASS_NAMES)
_STRUCTURED = (HELIX, SHEET, NUCLEOTIDE)
_BINS = 10


@dataclass(frozen=True, eq=False, repr=False)
class ResidueScores:
    """The m residues of a model as predicted by class maps.

    Attributes
    ----------
    residues : the residues, with their assigned classes
    probabilities : float32 (m, 4), in the order of `sse.truth.assign`; NaN if no backbone atom lies in the map
    density_sigma : float64 (m,), mean density at the backbone in σ above the map's mean; NaN as above
    """

    residues: ClassedResidues
    probabilities: np.ndarray
    density_sigma: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """Class with the highest probability, uint8 (m,); the first one in a tie, OTHER without probabilities."""
        return np.argmax(np.nan_to_num(self.probabilities), axis=1).astype(np.uint8)

    @property
    def scored(self) -> np.ndarray:
        """Mask (m,) of the residues in the map whose class is known."""
        return self.residues.known & np.isfinite(self.probabilities).all(axis=1)

    @property
    def dense(self) -> np.ndarray:
        """Mask (m,) of the scored residues whose backbone has a density of at least 1 σ."""
        return self.scored & (self.density_sigma >= LEAST_SIGMA)

    def rows(self) -> list[dict[str, Any]]:
        """A table with a row per residue; None where its class is unknown or it lies outside the map."""
        r, there, predicted = self.residues, np.isfinite(self.probabilities).all(axis=1), self.predicted
        order = (HELIX, SHEET, NUCLEOTIDE, OTHER)
        return [
            {
                "chain": str(r.chain[i]),
                "residue_number": int(r.residue_number[i]),
                "insertion_code": str(r.insertion_code[i]),
                "residue_name": str(r.residue_name[i]),
                "assigned": CLASS_NAMES[r.classes[i]] if r.known[i] else None,
                "predicted": CLASS_NAMES[predicted[i]] if there[i] else None,
                **{f"p_{CLASS_NAMES[k]}": float(self.probabilities[i, k]) if there[i] else None for k in order},
                "density_sigma": float(self.density_sigma[i]) if np.isfinite(self.density_sigma[i]) else None,
            }
            for i in range(len(r))
        ]


@dataclass(frozen=True)
class MapScores:
    """Scores of one map, from 0 to 1; NaN where there is nothing to score.

    Attributes
    ----------
    n_residues, n_dense : residues scored, and those of them with a backbone density of at least 1 σ
    recall : Haruspex's, interpreted as follows: fraction of the dense residues assigned helix, sheet or nucleotide that
        are predicted as that class
    precision : Haruspex's: fraction of the dense residues predicted helix, sheet or nucleotide that are assigned it
    recall_baseline, precision_baseline : the same when all residues are called the commonest of these three classes
    q3 : fraction of the scored amino acids, dense or not, whose class (helix, sheet or other) is predicted correctly
    q3_baseline : fraction in the commonest of these three classes
    class_mean_recall : mean recall over those of the four classes that the map contains
    f1_helix, f1_sheet, f1_nucleotide, f1_other : over the scored residues
    ece : expected calibration error of the highest probability, 10 bins, over the scored residues
    nucleotide_in_protein : fraction of the scored amino acids that are predicted nucleotide
    """

    n_residues: int
    n_dense: int
    recall: float
    precision: float
    recall_baseline: float
    precision_baseline: float
    q3: float
    q3_baseline: float
    class_mean_recall: float
    f1_helix: float
    f1_sheet: float
    f1_nucleotide: float
    f1_other: float
    ece: float
    nucleotide_in_protein: float


def score_residues(
    probabilities: np.ndarray, volume: Volume, structure: Structure, residues: ClassedResidues
) -> ResidueScores:
    """Predictions for a model's residues from class maps `probabilities` (4, nz, ny, nx), on the grid of `volume`.

    Raises
    ------
    DataError
        The map is constant.
    ValueError
        There are not four class maps on the map's grid, or the residues are not those of the structure.
    """
    if probabilities.shape != (CLASSES, *volume.data.shape):
        raise ValueError(f"class maps of {probabilities.shape} do not fit a map of {volume.data.shape}")
    if len(residues.of_atom) != len(structure):
        raise ValueError(f"residues of {len(residues.of_atom)} atoms do not belong to a structure of {len(structure)}")
    means = [backbone_means(volume.with_data(one), structure, residues.of_atom, len(residues)) for one in probabilities]
    density = backbone_sigma(volume, structure, residues)
    return ResidueScores(residues, np.stack(means, axis=1).astype(np.float32), density)


def score_map(scores: ResidueScores) -> MapScores:
    """The scores of one map."""
    scored, dense, kind = scores.scored, scores.dense, scores.residues.kind
    assigned, predicted = scores.residues.classes, scores.predicted
    amino = scored & (kind == PROTEIN)
    recall, precision = structured_recall_precision(assigned[dense], predicted[dense])
    commonest = 1 + np.argmax([np.sum(assigned[dense] == one) for one in _STRUCTURED])
    baseline = structured_recall_precision(assigned[dense], np.full(dense.sum(), commonest))
    counts = confusion(assigned[scored], predicted[scored], CLASSES)
    f1 = dict(zip(CLASS_NAMES, f1_per_class(counts).tolist(), strict=True))
    recalls = recall_per_class(counts)
    return MapScores(
        n_residues=int(scored.sum()),
        n_dense=int(dense.sum()),
        recall=recall,
        precision=precision,
        recall_baseline=baseline[0],
        precision_baseline=baseline[1],
        q3=_mean(predicted[amino] == assigned[amino]),
        q3_baseline=max(_mean(assigned[amino] == one) for one in (OTHER, HELIX, SHEET)),
        class_mean_recall=_mean(recalls[np.isfinite(recalls)]),
        **{f"f1_{name}": f1[name] for name in CLASS_NAMES},
        ece=expected_calibration_error(
            scores.probabilities[scored].max(axis=1), predicted[scored] == assigned[scored], _BINS
        ),
        nucleotide_in_protein=_mean(predicted[amino] == NUCLEOTIDE),
    )


def structured_recall_precision(assigned: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Recall and precision over residues (n,) of helices, sheets and nucleotides taken together; see `MapScores`."""
    right = (assigned == predicted) & (assigned != OTHER)
    return _mean(right[assigned != OTHER]), _mean(right[predicted != OTHER])


def voxel_f1(probabilities: np.ndarray, labels: Labels) -> dict[str, float]:
    """F1 by class name over the voxels that count, each assigned its most probable class in `probabilities`
    (4, nz, ny, nx).
    """
    counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    for z, counted in enumerate(labels.counted):  # plane by plane: argmax returns eight bytes per voxel
        predicted = np.argmax(probabilities[:, z], axis=0)
        counts += confusion(labels.classes[z][counted], predicted[counted], CLASSES)
    return dict(zip(CLASS_NAMES, f1_per_class(counts).tolist(), strict=True))


def over_maps(scores: Sequence[Mapping[str, float]], median: bool = False) -> dict[str, Interval]:
    """Mean or median over maps, with its 95 % bootstrap interval, of each score; all maps have the same scores.

    Maps that lack a class are left out of that class's scores.
    """
    statistic = np.median if median else np.mean
    return {
        name: bootstrap_interval([one[name] for one in scores], statistic) for name in (scores[0] if scores else ())
    }


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
