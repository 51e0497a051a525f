"""What `--sequence` adds: residues named and anchors before and after, with the sequences of the model's own chains.

python tests/benchmarks/anchors/with_sequence.py pairs.csv --weights-of-fold 0=FILE,1=FILE,…
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from benchtools import table
from detectors import Detectors, add_networks

from cryotools.anchors.labels import residue_truth
from cryotools.anchors.predict import AnchorDetector
from cryotools.anchors.reweight import with_sequences
from cryotools.anchors.score import AnchorScores, counted, score_anchors
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN, WATER, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry, read_list
from cryotools.metrics.bootstrap import bootstrap_interval

_SHORTEST = 20  # residues of a sequence


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list")
    add_networks(options)
    options.add_argument("--coarsest", type=float, default=3.5, metavar="ANGSTROM")
    chosen = options.parse_args(arguments)
    entries = [one for one in read_list(chosen.list) if one.resolution <= chosen.coarsest and not one.id.endswith("*")]
    detectors = Detectors(chosen)
    scores = {one: scored(detectors.of(one), one) for one in entries}
    print(report(scores))


def scored(detector: AnchorDetector, entry: Entry) -> tuple[AnchorScores, AnchorScores]:
    """The scores of one map without and with its sequences."""
    volume, structure = read_map(entry.map), read_structure(entry.model)
    names = sequences(structure)
    inside = volume.grid.contains(structure.xyz)
    structure = structure[(structure.kind != WATER) & (structure.element != 1) & inside]
    alone = detector.detect(volume, entry.resolution)
    both = (alone, with_sequences(alone, names)[0])
    truth = residue_truth(structure)
    found = [score_anchors(d.residues, truth, counted(volume, d.residues.ca, structure.xyz)) for d in both]
    print(f"{entry.id}: {found[0].share:.2f} {found[1].share:.2f}", file=sys.stderr, flush=True)
    return found[0], found[1]


def sequences(structure: Structure) -> dict[str, str]:
    """The different sequences of a model's protein chains, by chain."""
    residues = find_residues(structure)
    letters = np.array(list(residues.letters))
    found: dict[str, str] = {}
    for chain in dict.fromkeys(residues.chain[residues.kind == PROTEIN].tolist()):
        text = "".join(letters[(residues.chain == chain) & (residues.kind == PROTEIN)])
        if len(text) >= _SHORTEST and text not in found.values():
            found[str(chain)] = text
    return found


def report(scores: dict[Entry, tuple[AnchorScores, AnchorScores]]) -> str:
    """A line per map, and the means with their intervals."""
    rows = []
    for entry, (alone, fitted) in scores.items():
        each = [alone.top1, fitted.top1, alone.share, fitted.share, alone.precision, fitted.precision]
        rows.append([entry.id, f"{entry.resolution:g}", *each])
    means = [bootstrap_interval([float(row[at]) for row in rows]) for at in range(2, 8)]
    rows.append(["mean", "", *(f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" for one in means)])
    head = ["map", "Å", "types right where found", "with sequence", "share of anchors", "with sequence"]
    return table([*head, "anchors right", "with sequence"], rows)


if __name__ == "__main__":
    main()
