"""`make bench-sse LIST=pairs.csv WEIGHTS=FILE`: secondary structure in maps, measured.

LIST names maps and models as `cryotools curate` reads them; without weights the shipped network is judged. Everything
is printed as Markdown, for docs/sse-accuracy.md. Each measurement can be run by itself: `--only`, or the script of its
name.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import nucleotides
import robustness
import scores
import speed

PARTS = ("scores", "nucleotides", "robustness", "speed")


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list")
    options.add_argument("--weights")
    options.add_argument("--weights-of-fold", metavar="0=FILE,1=FILE,…")
    options.add_argument("--structures", nargs="*", default=[], help="complexes to simulate")
    options.add_argument("--only", choices=PARTS, action="append")
    chosen = options.parse_args(arguments)
    parts = chosen.only or PARTS
    weights = ["--weights", chosen.weights] if chosen.weights else []
    by_fold = [*weights, "--weights-of-fold", chosen.weights_of_fold] if chosen.weights_of_fold else weights
    if "scores" in parts:
        scores.main([chosen.list, *by_fold])
    if "nucleotides" in parts:
        nucleotides.main(["--list", chosen.list, *by_fold, "--structures", *chosen.structures])
    if "robustness" in parts:
        robustness.main([chosen.list, *by_fold])
    if "speed" in parts:
        speed.main(weights)


if __name__ == "__main__":
    main()
