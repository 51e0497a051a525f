"""Measurement 4: what noise, scale, sharpness, sampling, cropping and turning do to the scores.

    python tests/benchmarks/sse/robustness.py pairs.csv --weights FILE

Both scores of a line are over the same residues: those that lie in the changed map, dense ones by the untouched map.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from cases import parser, predictor
from tables import interval, number, table
from variations import CHANGES, Change, Scene

from cryotools.core.errors import CryotoolsError
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry, read_list
from cryotools.metrics.bootstrap import bootstrap_interval
from cryotools.sse.evaluate import Predict
from cryotools.sse.score import MapScores, ResidueScores, score_map, score_residues
from cryotools.sse.truth.assign import assign

SCORES = ("recall", "precision", "q3")
Found = dict[str, tuple[MapScores, MapScores]]  # untouched and changed, by the change's name


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", choices=tuple(CHANGES), action="append", help="one change; may be repeated")
    chosen = options.parse_args(arguments)
    predict = predictor(chosen)
    changes = {name: CHANGES[name] for name in chosen.only or CHANGES}
    found = []
    for entry in read_list(chosen.list):
        try:
            found.append(measure(entry, predict, changes, chosen.seed))
        except CryotoolsError as error:
            print(f"{entry.id}: {error}", file=sys.stderr, flush=True)
    print(
        "\n## Robustness\n\nMeans over maps; gains over the untouched map on the same residues, with 95 % intervals.\n"
    )
    print(report(found, changes))


def measure(entry: Entry, predict: Predict, changes: Mapping[str, Change], seed: int = 0) -> Found:
    """The scores of one map under every change that can be made to it."""
    scene = Scene(read_map(entry.map), read_structure(entry.model), entry.resolution)
    residues = assign(scene.structure)

    def scores(scene: Scene) -> ResidueScores:
        maps = predict(replace(entry, resolution=scene.resolution), scene.volume)
        return score_residues(maps, scene.volume, scene.structure, residues)

    untouched = scores(scene)
    found = {}
    for name, change in changes.items():
        try:
            changed = scores(change(scene, np.random.default_rng(seed)))
        except CryotoolsError as error:
            print(f"{entry.id}, {name}: {error}", file=sys.stderr, flush=True)
            continue
        found[name] = compared(untouched, changed)
    return found


def compared(untouched: ResidueScores, changed: ResidueScores) -> tuple[MapScores, MapScores]:
    """Both scores over the residues that both maps hold."""
    both = np.isfinite(untouched.probabilities) & np.isfinite(changed.probabilities)
    restricted = (np.where(both, each.probabilities, np.nan) for each in (untouched, changed))
    before, after = (score_map(replace(untouched, probabilities=one)) for one in restricted)
    return before, after


def report(found: Sequence[Found], changes: Mapping[str, Change]) -> str:
    """A line per change."""
    rows = []
    for name in changes:
        pairs = [each[name] for each in found if name in each]
        row = [name, len(pairs)]
        for score in SCORES:
            before, after = (np.array([getattr(pair[at], score) for pair in pairs]) for at in (0, 1))
            gain = after - before
            known = np.isfinite(gain)
            row += [number(after[known].mean()) if known.any() else "-", interval(bootstrap_interval(gain))]
        row.append(number(gain[known].min()) if known.any() else "-")
        rows.append(row)
    return table(("change", "maps", "recall", "gain", "precision", "gain", "Q3", "gain", "worst gain"), rows)


if __name__ == "__main__":
    main()
