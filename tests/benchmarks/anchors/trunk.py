"""Helix, strand and coil from the trace network's own head, beside annotate-sse: does one network serve both?

python tests/benchmarks/anchors/trunk.py pairs.csv
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from benchtools import table

from cryotools.anchors.candidates import trace_map
from cryotools.anchors.network import C1, C4, STATE, P
from cryotools.anchors.predict import AnchorDetector
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.resample import interpolate_each
from cryotools.core.maps.volume import Volume
from cryotools.curation.pairlist import Entry, read_list
from cryotools.metrics.bootstrap import bootstrap_interval
from cryotools.sse.evaluate import Predict, by_network, evaluate_pair


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list")
    options.add_argument("--trace-weights")
    options.add_argument("--sse-weights")
    chosen = options.parse_args(arguments)
    compute = Compute("cpu")
    detector = AnchorDetector(None, chosen.trace_weights, compute)
    print(report(read_list(chosen.list), by_trace(detector), by_network(chosen.sse_weights, compute)))


def by_trace(detector: AnchorDetector) -> Predict:
    """Class maps (4, nz, ny, nx) from the head of the trace network that tells secondary structure."""

    def predict(entry: Entry, volume: Volume) -> np.ndarray:
        prepared = prepare_map(volume, entry.resolution).volume
        channels = trace_map(detector.trace, prepared.data, entry.resolution, detector.compute)
        nucleotide = channels[[P, C4, C1]].max(axis=0)
        classes = np.concatenate([channels[STATE] * (1 - nucleotide), nucleotide[None]])
        return interpolate_each(classes, prepared.grid, volume.grid)

    return predict


def report(entries: Sequence[Entry], trace: Predict, sse: Predict) -> str:
    """Q3 of the amino acids of each map by both networks, and their mean difference."""
    rows, differences = [], []
    for entry in entries:
        ours, theirs = (evaluate_pair(entry, predict).scores for predict in (trace, sse))
        assert ours is not None
        assert theirs is not None
        rows.append([entry.id, f"{entry.resolution:g}", ours.q3_baseline, ours.q3, theirs.q3])
        differences.append(ours.q3 - theirs.q3)
        print(f"{entry.id}: {ours.q3:.2f} {theirs.q3:.2f}", file=sys.stderr, flush=True)
    mean = bootstrap_interval(differences)
    head = ["map", "Å", "most common class", "trace network", "annotate-sse"]
    return f"{table(head, rows)}\n\nMean difference {mean.value:+.3f} ({mean.low:+.3f} to {mean.high:+.3f})"


if __name__ == "__main__":
    main()
