"""`make bench-anchors LIST=pairs.csv`: residues found in maps, measured.

LIST names maps and models as `cryotools curate` reads them, with folds by protein family; an id that ends in * marks
a predicted model, whose side chains are not scored. Confidences of a map are calibrated on the maps of the other folds.
With `--weights-of-fold 0=a.safetensors,1=a.safetensors,…` (and `--trace-weights-of-fold`) each map is judged by
networks that never saw its fold: cross-validation.
Everything is printed as Markdown, for docs/anchors-accuracy.md; `--calibration FILE` also writes the calibration on all
maps, `--confusion PNG` draws the confusion matrix, and `--speed` adds time and memory beside annotate-sse.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
import speed
import tables
from detectors import Detectors, add_networks
from measured import calibrated, measure

from cryotools.anchors.learning.calibrate import fit_calibration
from cryotools.anchors.plots import draw_confusion
from cryotools.curation.pairlist import read_list


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list")
    add_networks(options)
    options.add_argument("--coarsest", type=float, default=5.0, metavar="ANGSTROM")
    options.add_argument("--calibration", metavar="FILE")
    options.add_argument("--confusion", metavar="PNG")
    options.add_argument("--speed", action="store_true", help="time and memory beside annotate-sse, too")
    chosen = options.parse_args(arguments)
    detectors, maps = Detectors(chosen), []
    for entry in sorted(read_list(chosen.list), key=lambda one: one.resolution):
        if entry.resolution <= chosen.coarsest:
            maps.append(measure(detectors.of(entry), entry))
            print(f"{entry.id}: {maps[-1].seconds:.0f} s", file=sys.stderr, flush=True)
    maps = calibrated(maps)
    print(tables.chains(maps), tables.types(maps), tables.anchors(maps), tables.by_amino_acid(maps), sep="\n\n")
    print("", tables.summary(maps), tables.calibration(maps), sep="\n\n")
    if chosen.speed:
        print("\n" + speed.report(read_list(chosen.list), "cpu"))
    if chosen.calibration:
        known = [one.judged for one in maps if not one.predicted]
        Path(chosen.calibration).write_text(fit_calibration(known).to_text())
    if chosen.confusion:
        draw_confusion(chosen.confusion, tables.confused(maps))


if __name__ == "__main__":
    main()
