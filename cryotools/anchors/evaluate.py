"""Score the detector on lists of maps with models; a broken pair does not stop the rest."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from cryotools.anchors.frames import FORWARD, frames
from cryotools.anchors.labels import UNKNOWN, ResidueTruth, residue_truth
from cryotools.anchors.network import NONE
from cryotools.anchors.plots import draw_confidence, draw_confusion
from cryotools.anchors.predict import AnchorDetector
from cryotools.anchors.score import (
    AnchorScores,
    CaScores,
    TypeScores,
    counted,
    right_residues,
    score_anchors,
    score_ca,
    score_found_types,
    score_types,
)
from cryotools.anchors.types import types_in_frames
from cryotools.core.errors import CryotoolsError, CryotoolsNote, DataError
from cryotools.core.files.output import output_set
from cryotools.core.files.table import csv_text
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry
from cryotools.metrics.bootstrap import Interval, bootstrap_interval

_OF_TYPES = ("top1", "top3", "top5", "nats", "majority", "ece")
PLOTS = ("confusion.png", "confidence.png")
_PLACES = ("true", "mass", "found")


@dataclass(frozen=True)
class AnchorEvaluation:
    """The result for one map, or the `error` that prevented it; `resolution` is in Å, NaN if unknown.

    `types` are the scores of amino acids in the frames of the model's own Cα atoms, `types_by_mass` those of the same
    frames placed by the residues' centres of mass, `types_found` those where residues were found. `confidence` (n,) is
    that of the residues found that count, and `right`, bool (n,), whether they are.
    """

    id: str
    resolution: float
    n_residues: int = 0
    ca: CaScores | None = None
    anchors: AnchorScores | None = None
    types: TypeScores | None = None
    types_by_mass: TypeScores | None = None
    types_found: TypeScores | None = None
    confidence: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)
    right: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool), repr=False)
    error: str = ""

    def scores(self) -> dict[str, float]:
        """All scores by name; those of amino acids begin with `true_`, `mass_` and `found_` by their positions."""
        if not (self.ca and self.anchors and self.types and self.types_by_mass and self.types_found):
            return {}
        each = zip(_PLACES, (self.types, self.types_by_mass, self.types_found), strict=True)
        types = {f"{place}_{name}": getattr(one, name) for place, one in each for name in _OF_TYPES}
        return {**asdict(self.ca), **asdict(self.anchors), **types}

    def row(self) -> dict[str, Any]:
        """A row of the table; missing scores are None."""
        names = [one.name for kind in (CaScores, AnchorScores) for one in fields(kind)]
        empty = dict.fromkeys([*names, *(f"{place}_{name}" for place in _PLACES for name in _OF_TYPES)])
        told = {"id": self.id, "resolution_A": self.resolution, "n_residues": self.n_residues}
        return {**told, **empty, **self.scores(), "error": self.error}


def evaluate_anchors(detector: AnchorDetector, entry: Entry) -> AnchorEvaluation:
    """The scores of what `detector` finds in the map of one pair.

    Raises
    ------
    DataError
        A file is broken, or no residue of the model lies in the map.
    """
    volume = read_map(entry.map)
    structure = read_structure(entry.model)
    inside = volume.grid.contains(structure.xyz)
    structure = structure[(structure.kind != WATER) & (structure.element != 1) & inside]
    if not len(structure):
        raise DataError(f"{entry.model}: no residue lies in {entry.map}; check that they overlay")
    truth = residue_truth(structure)
    resolution = None if np.isnan(entry.resolution) else entry.resolution
    detection = detector.detect(volume, resolution)
    counts = counted(volume, detection.residues.ca, structure.xyz)
    temperature = detector.types.config.temperature
    types, by_mass = (
        score_types(*types_at_model(detector, volume, truth, resolution, by_mass=by_mass), temperature)
        for by_mass in (False, True)
    )
    return AnchorEvaluation(
        entry.id,
        entry.resolution,
        len(truth),
        score_ca(detection.residues, truth, counts),
        score_anchors(detection.residues, truth, counts),
        types,
        by_mass,
        score_found_types(detection.residues, truth, counts),
        detection.residues.confidence[counts],
        right_residues(detection.residues, truth, counts)[counts],
    )


def types_at_model(
    detector: AnchorDetector,
    volume: Volume,
    truth: ResidueTruth,
    resolution: float | None,
    by_mass: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (k, 20) of the model's residues of known type that have both neighbours and lie in the map, in the frames
    of their own Cα atoms, and their types (k,). The cube is centred 2.2 Å from Cα towards the side chain (FORWARD), or,
    `by_mass`, on the residue's centre of mass.
    """
    prepared = prepare_map(volume, resolution).volume
    at = np.flatnonzero((truth.before >= 0) & (truth.after >= 0) & (truth.amino != UNKNOWN))
    at = at[volume.grid.contains(truth.ca[at])]
    axes = frames(truth.ca[truth.before[at]], truth.ca[at], truth.ca[truth.after[at]])
    place = truth.mass[at] - FORWARD * axes[:, 1] if by_mass else truth.ca[at]
    index = prepared.grid.world_to_index(place)
    logits = types_in_frames(detector.types, prepared.data, index, axes, resolution, detector.compute)
    return logits[:, :NONE], truth.amino[at]


def evaluate_anchor_list(detector: AnchorDetector, entries: Iterable[Entry]) -> Iterator[AnchorEvaluation]:
    """The scores of every pair; a broken pair yields an error. Warnings name the pair."""
    for entry in entries:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = evaluate_anchors(detector, entry)
            except CryotoolsError as error:
                found = AnchorEvaluation(entry.id, entry.resolution, error=str(error))
        for each in caught:
            of_the_map = not issubclass(each.category, CryotoolsNote)  # notes are about the machine
            warnings.warn(f"{entry.id}: {each.message}" if of_the_map else each.message, each.category, stacklevel=2)
        yield found


def anchor_summary(found: Sequence[AnchorEvaluation]) -> dict[str, Interval]:
    """Mean of each score over the maps that have it, with its 95 % bootstrap interval over maps."""
    scores = [each.scores() for each in found if each.scores()]
    names = list(scores[0]) if scores else []
    return {name: bootstrap_interval([each[name] for each in scores]) for name in names}


def anchor_scores_csv_text(found: Sequence[AnchorEvaluation]) -> str:
    """A header and a line per map; for several maps, lines follow with the mean and the ends of its 95 % bootstrap
    interval (mean_low, mean_high).
    """
    rows = [each.row() for each in found]
    if len(rows) > 1:
        over = anchor_summary(found)
        for suffix, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            ends = {name: getattr(interval, part) for name, interval in over.items()}
            rows.append({**dict.fromkeys(rows[0]), "id": f"mean{suffix}", **ends})
    return csv_text(list(rows[0]), rows)


def draw_evaluations(folder: str | os.PathLike[str], found: Sequence[AnchorEvaluation]) -> list[Path]:
    """Draw confusion.png, of amino acids at true Cα atoms, and confidence.png, of residues found, all maps together, in
    an existing `folder`; nothing if no map has scores. Returns the files.
    """
    counts = [each.types.counts for each in found if each.types]
    if not counts:
        return []
    files = [Path(folder, name) for name in PLOTS]
    with output_set():
        draw_confusion(files[0], np.sum(counts, axis=0))
        draw_confidence(files[1], *(np.concatenate([getattr(e, k) for e in found]) for k in ("confidence", "right")))
    return files
