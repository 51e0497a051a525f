"""`make bench-finetune LIST=cases.csv`: what homologs add to annotate-sse, measured.

LIST has the columns id, set, map, model, resolution, identity (of the best homolog, 0 to 1) and homologs, FILE:CHAIN
separated by semicolons, the best first. Ids that differ only after an @ are of one map, and count as one in means.
Rows are added to `--rows FILE` (JSON lines) as they are measured, and cases that it has are not measured again, nor
are networks fitted again that are in `--keep FOLDER`. Tables are printed as Markdown, for docs/homologs-accuracy.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import tables
from measured import cases, measure

from cryotools.homologs.adapt.finetune import FineTune


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list")
    options.add_argument("--rows", metavar="FILE")
    options.add_argument("--keep", metavar="FOLDER")
    options.add_argument("--only-docking", action="store_true", help="fit no networks")
    options.add_argument("--steps", type=int, default=FineTune.steps)
    options.add_argument("--boxes", type=int, default=FineTune.boxes)
    options.add_argument("--layers", default=str(FineTune.layers))
    options.add_argument("--weights")
    chosen = options.parse_args(arguments)
    layers = None if chosen.layers == "all" else int(chosen.layers)
    settings = FineTune(layers=layers, steps=chosen.steps, boxes=chosen.boxes, weights=chosen.weights, device="cpu")
    kept = Path(chosen.rows) if chosen.rows else None
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept and kept.exists() else []
    done = {row["id"] for row in rows if row["method"] == ("both" if chosen.only_docking else "finetune+both")}
    with TemporaryDirectory() as folder:
        for case in cases(chosen.list):
            if case.id in done:
                continue
            for row in measure(case, Path(chosen.keep or folder), None if chosen.only_docking else settings):
                rows.append(row)
                if kept:
                    with kept.open("a") as stream:
                        stream.write(json.dumps(row) + "\n")
                print(f"{case.id}: {row['method']} f1 {row['f1']:.3f}", file=sys.stderr, flush=True)
    print(tables.by_map(rows), tables.gains(rows), sep="\n\n")


if __name__ == "__main__":
    main()
