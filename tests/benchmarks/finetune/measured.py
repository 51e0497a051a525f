"""One map with its model and homologs: secondary structure by the shipped network, a fine-tuned one, and by docking."""

from __future__ import annotations

import csv
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.compute.runner import Compute
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.adapt.finetune import FineTune, finetune
from cryotools.homologs.annotate import place_homologs
from cryotools.homologs.docking.transfer import docked_classes, with_docked
from cryotools.sse.predict import Annotator
from cryotools.sse.score import score_map, score_residues
from cryotools.sse.truth.assign import assign


@dataclass(frozen=True)
class Case:
    """A line of the list: homologs are FILE:CHAIN, separated by semicolons, the best first."""

    id: str
    set: str
    map: str
    model: str
    resolution: float
    identity: float
    homologs: str


def cases(path: str) -> Iterator[Case]:
    """The cases of a list."""
    with Path(path).open() as stream:
        for row in csv.DictReader(stream):
            numbers = {key: float(row[key]) for key in ("resolution", "identity")}
            yield Case(**{key: row[key] for key in Case.__dataclass_fields__} | numbers)


def chains_of(text: str) -> list[Structure]:
    """The homologs of a case."""
    found = []
    for one in text.split(";"):
        file, chain = one.rsplit(":", 1)
        structure = read_structure(file, skip_unknown=True)
        found.append(structure[(structure.chain == chain) & (structure.kind == PROTEIN)])
    return found


def measure(case: Case, folder: Path, settings: FineTune | None) -> Iterator[dict[str, object]]:
    """A row of scores for each method; fine-tuned networks are kept in `folder`, and not fitted again, or, with no
    settings, at all.
    """
    volume, model, homologs = read_map(case.map), read_structure(case.model), chains_of(case.homologs)
    residues = assign(model)

    def row(method: str, probabilities: np.ndarray, began: float, **more: object) -> dict[str, object]:
        scores = score_map(score_residues(probabilities, volume, model, residues))
        both = [scores.f1_helix, scores.f1_sheet]
        structured = [one for one, name in zip(both, (1, 2), strict=True) if (residues.classes == name).sum() >= 10]
        return {
            "id": case.id,
            "set": case.set,
            "resolution": case.resolution,
            "identity": case.identity,
            "method": method,
            "n": scores.n_residues,
            "q3": scores.q3,
            "majority": scores.q3_baseline,
            "f1": float(np.mean(structured)),
            "cpu_s": time.process_time() - began,
            "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            **more,
        }

    began = time.process_time()
    base = (
        Annotator(settings and settings.weights, Compute("cpu", threads=1))
        .annotate(volume, case.resolution)
        .probabilities
    )
    yield row("network", base, began)
    began = time.process_time()
    placements = place_homologs(volume, case.resolution, homologs)
    docked = docked_classes(placements, volume.grid)
    facts = {
        "placed": len(placements),
        "confidence": max((one.probability for one in placements), default=float("nan")),
    }
    yield row("dock", with_docked(base, docked, only_docked=True), began, **facts)
    yield row("both", with_docked(base, docked), began, **facts)
    if settings is None:
        return
    began = time.process_time()
    tuned = folder / case.id / "model.safetensors"
    if not (folder / case.id / "model.json").exists():  # written last
        tuned = finetune(volume, case.resolution, homologs, folder / case.id, settings).path
    found = Annotator(tuned, Compute("cpu", threads=1)).annotate(volume, case.resolution).probabilities
    yield row("finetune", found, began)
    yield row("finetune+both", with_docked(found, docked), began, **facts)
