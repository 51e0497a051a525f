"""Measurement 3: nucleotides found, and protein taken for nucleotides, in simulated complexes and in real maps.

    python tests/benchmarks/sse/nucleotides.py --structures a.cif b.cif --res 3 4 6 --list pairs.csv --weights FILE

Voxels are labelled by `sse.truth.labels`. Protein voxels are the counted ones within 3 Å of a protein's atoms that no
nucleotide has; residues and voxels are called what has the highest probability.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cases import add_weights, predictor
from tables import interval, number, table

from cryotools.core.errors import CryotoolsError
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import NUCLEIC, PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry, read_list
from cryotools.metrics.bootstrap import bootstrap_interval
from cryotools.simulate.classical.formulas import MapOptions
from cryotools.simulate.methods import METHODS
from cryotools.simulate.struc2map import Simulation, struc2map
from cryotools.sse.evaluate import Predict
from cryotools.sse.score import score_map, score_residues, voxel_f1
from cryotools.sse.truth.assign import NUCLEOTIDE, assign
from cryotools.sse.truth.labels import REACH, label_voxels

NAN = float("nan")


@dataclass(frozen=True)
class Found:
    """Numbers of residues scored; F1 of nucleotides by voxel and by residue; shares of protein called nucleotide."""

    amino_acids: int
    nucleotides: int
    voxel_f1: float
    residue_f1: float
    false_residues: float
    false_voxels: float


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--structures", nargs="*", default=[])
    options.add_argument("--res", type=float, nargs="*", default=[4.0], help="Å, of the simulated maps")
    options.add_argument("--fold", type=int, default=0, help="whose network judges the structures")
    options.add_argument("--method", choices=tuple(METHODS), default="gan")
    options.add_argument("--list", help="real maps, as `cryotools curate` reads them")
    add_weights(options)
    chosen = options.parse_args(arguments)
    predict = predictor(chosen)
    for resolution in chosen.res if chosen.structures else ():
        print(f"\n## Nucleotides in maps simulated at {resolution:g} Å ({chosen.method}, noise of half maps)\n")
        print(report(scenes(simulated(chosen, resolution), predict)))
    if chosen.list:
        print("\n## Nucleotides in real maps\n")
        print(report(scenes(real(chosen.list), predict)))


def simulated(chosen: argparse.Namespace, resolution: float) -> Iterator[tuple[Entry, Volume, Structure]]:
    """Maps of the structures, with the noise of a reconstruction at that resolution."""
    for path in chosen.structures:
        made = struc2map(path, Simulation(MapOptions(resolution), chosen.method, half_maps=True))
        yield Entry(Path(path).stem, "", path, resolution, "", chosen.fold), made.volume, made.atoms


def real(path: str) -> Iterator[tuple[Entry, Volume, Structure]]:
    """The maps and models of a list."""
    for entry in read_list(path):
        yield entry, read_map(entry.map), read_structure(entry.model)


def scenes(given: Iterator[tuple[Entry, Volume, Structure]], predict: Predict) -> dict[str, Found]:
    """What is found in each map, by its id; what cannot be judged is left out and said."""
    found = {}
    for entry, volume, structure in given:
        try:
            found[entry.id] = measure(predict(entry, volume), volume, structure)
        except CryotoolsError as error:
            print(f"{entry.id}: {error}", file=sys.stderr, flush=True)
    return found


def measure(maps: np.ndarray, volume: Volume, structure: Structure) -> Found:
    """How class maps (4, nz, ny, nx) tell nucleotides from protein in one map."""
    residues = assign(structure)
    by_residue = score_residues(maps, volume, structure, residues)
    scores, labels = score_map(by_residue), label_voxels(volume, structure, residues)
    near = near_points(volume.grid, structure.xyz[structure.kind == PROTEIN], REACH)
    protein = near & labels.counted & (labels.classes != NUCLEOTIDE)
    called = np.argmax(maps, axis=0)[protein] == NUCLEOTIDE
    return Found(
        amino_acids=int((by_residue.scored & (residues.kind == PROTEIN)).sum()),
        nucleotides=int((by_residue.scored & (residues.kind == NUCLEIC)).sum()),
        voxel_f1=voxel_f1(maps, labels)["nucleotide"] if (labels.classes == NUCLEOTIDE).any() else NAN,
        residue_f1=scores.f1_nucleotide if (residues.kind == NUCLEIC).any() else NAN,
        false_residues=scores.nucleotide_in_protein,
        false_voxels=float(called.mean()) if len(called) else NAN,
    )


def report(found: dict[str, Found]) -> str:
    """A line per map, then means."""
    scores = ("voxel_f1", "residue_f1", "false_residues", "false_voxels")
    rows: list[list[object]] = [
        [name, each.amino_acids, each.nucleotides, *(number(getattr(each, key)) for key in scores)]
        for name, each in found.items()
    ]
    means = (bootstrap_interval([getattr(each, key) for each in found.values()]) for key in scores)
    rows.append(["mean", "", "", *(interval(each) for each in means)])
    header = ("map", "amino acids", "nucleotides", "voxel F1", "residue F1", "amino acids called nucleotide")
    return table((*header, "protein voxels called nucleotide"), rows)


if __name__ == "__main__":
    main()
