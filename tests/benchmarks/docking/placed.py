"""One structure docked into one map: what speaks for its best placement, and whether it is right."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from Bio.Align import PairwiseAligner, substitution_matrices

from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.docking.dock import dock

NEAR, LEAST = 5.0, 0.5  # Å; share of aligned Cα atoms of a right placement
_ALIGNED = 0.3  # least share of the structure that is aligned with a chain of the model


@dataclass(frozen=True)
class Probe:
    """A line of the list."""

    map: str
    resolution: float
    model: str
    structure: str
    kind: str
    family: str


def probes(path: str) -> Iterator[Probe]:
    """The probes of a list; those of one map should follow one another."""
    with Path(path).open() as stream:
        for row in csv.DictReader(stream):
            yield Probe(
                **{key: row[key] for key in Probe.__dataclass_fields__} | {"resolution": float(row["resolution"])}
            )


class Placer:
    """Docks probes; the map of the last one is kept."""

    def __init__(self) -> None:
        self._map = ""

    def row(self, probe: Probe) -> dict[str, object]:
        """What is measured of a probe."""
        if probe.map != self._map:
            volume = read_map(probe.map)
            self._map, self._prepared = probe.map, prepare_map(volume, probe.resolution).volume
        structure, model = chain_of(probe.structure), read_structure(probe.model)
        began = time.process_time()
        best = dock(self._prepared, structure, probe.resolution, copies=1)[0]
        return {
            **vars(probe),
            "right": probe.kind == "homolog" and share_in_place(best.structure, model) >= LEAST,
            "correlation": best.correlation,
            "margin": best.margin,
            "probability": best.probability,
            "cpu_s": time.process_time() - began,
        }


def chain_of(text: str) -> Structure:
    """The protein of FILE:CHAIN."""
    file, chain = text.rsplit(":", 1)
    structure = read_structure(file, skip_unknown=True)
    return structure[(structure.chain == chain) & (structure.kind == PROTEIN)]


def share_in_place(docked: Structure, model: Structure) -> float:
    """The share of Cα atoms within 5 Å of those aligned with them, in the chain of the model that fits best."""
    aligner = PairwiseAligner(mode="local", open_gap_score=-12, extend_gap_score=-1)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    mine, shares = find_residues(docked), [0.0]
    for chain in np.unique(model.chain[model.kind == PROTEIN]):
        theirs = find_residues(model[(model.chain == chain) & (model.kind == PROTEIN)])
        blocks = aligner.align(_letters(mine.letters), _letters(theirs.letters))
        if not len(theirs) or not len(blocks):
            continue
        first, second = (np.concatenate([np.arange(*span) for span in spans]) for spans in blocks[0].aligned)
        if len(first) >= _ALIGNED * len(mine):
            shares.append(float((np.linalg.norm(mine.ca[first] - theirs.ca[second], axis=1) < NEAR).mean()))
    return max(shares)


def _letters(letters: np.ndarray) -> str:
    return "".join(letters.tolist())
