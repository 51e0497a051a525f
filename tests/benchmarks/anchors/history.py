"""Confidence from a run's snapshots beside that of its last state, at the models' Cα atoms: area under the
risk-coverage curve, the smaller the better.

python tests/benchmarks/anchors/history.py pairs.csv 0=runA,1=runA,2=runB,3=runB

Each map is judged by the run of its fold, which must not have seen it; runs keep snapshots by `train-anchors
--snapshots 8`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from benchtools import by_fold, table

from cryotools.anchors.learning.examples import held_out_example
from cryotools.anchors.learning.history import compare_confidences, list_snapshots
from cryotools.core.compute.runner import Compute
from cryotools.curation.curate import Rules, curate_entry
from cryotools.curation.pairlist import read_list
from cryotools.metrics.bootstrap import bootstrap_interval


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list")
    options.add_argument("runs", metavar="0=RUN,1=RUN,…")
    options.add_argument("--coarsest", type=float, default=4.6, metavar="ANGSTROM")
    chosen = options.parse_args(arguments)
    runs = by_fold(chosen.runs)
    rows, differences = [], []
    for entry in read_list(chosen.list):
        if entry.id.endswith("*") or entry.resolution > chosen.coarsest:
            continue
        pair, _ = curate_entry(entry, Rules())
        run = list_snapshots(Path(runs[entry.fold]))
        found = compare_confidences(run, held_out_example(pair), Compute("cpu"))
        areas = found.softmax.area(), found.history.area()
        rows.append([entry.id, f"{entry.resolution:g}", *areas])
        differences.append(areas[1] - areas[0])
    print(table(["map", "Å", "last state", "mean over snapshots"], rows))
    mean = bootstrap_interval(differences)
    print(f"\nMean difference {mean.value:+.4f} ({mean.low:+.4f} to {mean.high:+.4f}; {mean.n} maps)")


if __name__ == "__main__":
    main()
