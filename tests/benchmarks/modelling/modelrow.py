"""One map: a model is built in it with the sequences of its deposited model's chains, and scored against that model.

    python tests/benchmarks/modelling/modelrow.py '{"id": …, "map": …, "model": …, "resolution": …}'

prints the scores as a line of JSON. Each map has a process of its own, so that time and memory are its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
from benchtools import peak_memory
from hypotheses import USUAL, detector_for

from cryotools.anchors.labels import residue_truth
from cryotools.anchors.predict import AnchorDetector
from cryotools.anchors.score import counted
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN, WATER, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry
from cryotools.modelling.build import build_in_map
from cryotools.modelling.results.output import write_model
from cryotools.modelling.scoring.score import ModelScores, score_structure
from cryotools.view.chimerax import MapSource

Row = dict[str, Any]


def main() -> None:
    asked = json.loads(sys.argv[1])
    entry = Entry(**{key: asked[key] for key in Entry.__dataclass_fields__})
    warnings.simplefilter("ignore", CryotoolsWarning)
    row = measure(entry, asked["weights"], asked["trace_weights"], asked["hypothesis"], asked["out"])
    print(json.dumps(row))


def measure(
    entry: Entry,
    weights: str | None = None,
    trace_weights: str | None = None,
    hypothesis: str = USUAL,
    out: str | None = None,
) -> Row:
    """The scores of one map by name; `refused` says why there is no model. `out` keeps the model as a file.

    Seconds and megabytes are those of the process up to the files of the model.
    """
    volume, structure = read_map(entry.map), read_structure(entry.model, skip_unknown=True)
    inside = volume.grid.contains(structure.xyz)
    structure = structure[(structure.kind != WATER) & (structure.element != 1) & inside]
    protein = structure[structure.kind == PROTEIN]
    row: Row = {"id": entry.id, "resolution": entry.resolution, "fold": entry.fold, "hypothesis": hypothesis}
    if not len(protein):
        return row | {"refused": "the model has no protein"}
    resolution = None if entry.resolution != entry.resolution else entry.resolution
    try:
        detector = AnchorDetector(weights, trace_weights, Compute("cpu", threads=1))
        if hypothesis != USUAL:
            detector = detector_for(hypothesis, detector, residue_truth(protein))
        model = build_in_map(detector, volume, resolution, find_residues(protein).sequences())
        with tempfile.TemporaryDirectory() as folder:
            write_model(out or str(Path(folder, "model.cif")), model, MapSource(entry.map))
    except DataError as error:
        return row | {"refused": str(error), **_cost()}
    cost = _cost()
    judged = _judged(model.structure, volume, structure)
    if not len(judged):
        return row | {"refused": "no residue is near the model", **cost}
    scores = score_structure(judged, reference=protein, confidence=True)
    return row | _figures(scores) | {"n_built": len(model.residues), **cost}


def _cost() -> Row:
    return {"cpu_s": time.process_time(), "peak_MB": peak_memory()}


def _judged(built: Structure, volume: Volume, structure: Structure) -> Structure:
    """What is built, without residues in density that the model leaves out: other molecules may well be there."""
    residues = find_residues(built)
    counts = counted(volume, residues.ca, structure.xyz)
    return built[counts[residues.of_atom]]


def _figures(scores: ModelScores) -> Row:
    assert scores.agreement is not None
    assert scores.confidence is not None
    keys = ("rmsd", "forward", "backward", "match", "sequence_recall", "longest_run", "tm", "lddt", "pieces")
    figures = scores.agreement.figures()
    row: Row = {key: figures[key] for key in ("n_model", "n_reference", *keys)}
    for name in ("recall", "precision"):
        row |= {f"{name}_{radius}": figures[f"{name}_{radius}"] for radius in (1, 2, 3)}
    summary = scores.geometry.summary
    row |= {key: getattr(summary, key) for key in ("favoured", "outliers", "bond_rmsd", "angle_rmsd", "clashscore")}
    return row | {key: getattr(scores.confidence, key) for key in ("ece", "sure", "sure_right", "risk")}


if __name__ == "__main__":
    main()
