"""What is found in one map, beside its model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.evaluate import types_at_model
from cryotools.anchors.labels import ResidueTruth, residue_truth
from cryotools.anchors.learning.calibrate import Judged, fit_calibration, judge
from cryotools.anchors.predict import AnchorDetector
from cryotools.anchors.score import counted
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry


@dataclass(frozen=True)
class Measured:
    """The residues found in a map (n), which of them count, bool (n,), and types (k,) at the model's Cα atoms, with
    logits (k, 20), to be divided by `temperature`, of cubes placed by Cα and by the centre of mass; `evidence` and
    `judged` are for the calibration. `predicted` models have no side chains to score.
    """

    entry: Entry
    residues: DetectedResidues
    truth: ResidueTruth
    counts: np.ndarray
    logits: np.ndarray
    logits_by_mass: np.ndarray
    amino: np.ndarray
    judged: Judged
    evidence: object
    seconds: float
    temperature: float

    @property
    def predicted(self) -> bool:
        return self.entry.id.endswith("*")


def measure(detector: AnchorDetector, entry: Entry) -> Measured:
    """Search the map of one pair, with the resolution given."""
    volume, structure = read_map(entry.map), read_structure(entry.model)
    inside = volume.grid.contains(structure.xyz)
    structure = structure[(structure.kind != WATER) & (structure.element != 1) & inside]
    truth, begin = residue_truth(structure), time.perf_counter()
    detection, evidence = detector.with_evidence(volume, entry.resolution)
    seconds = time.perf_counter() - begin
    counts = counted(volume, detection.residues.ca, structure.xyz)
    logits, amino = types_at_model(detector, volume, truth, entry.resolution)
    by_mass, _ = types_at_model(detector, volume, truth, entry.resolution, by_mass=True)
    scale = detector.types.config.temperature
    judged = judge(detection.residues, evidence, truth, counts)
    return Measured(entry, detection.residues, truth, counts, logits, by_mass, amino, judged, evidence, seconds, scale)


def calibrated(maps: Sequence[Measured]) -> list[Measured]:
    """The maps with the confidences of a calibration on those of other folds."""
    found = []
    for one in maps:
        others = [each.judged for each in maps if each.entry.fold != one.entry.fold and not each.predicted]
        presence, forward, right = fit_calibration(others).judge(one.evidence)  # type: ignore[arg-type]
        residues = replace(one.residues, presence=presence, forward=forward, confidence=right)
        found.append(replace(one, residues=residues))
    return found
