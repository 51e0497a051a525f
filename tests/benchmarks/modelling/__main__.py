"""`make bench-model LIST=pairs.csv`: models built in maps, measured.

LIST names maps and models as `cryotools curate` reads them. In each map a model is built with the sequences of its
model's chains, and scored against it; residues in density that the model leaves out are not counted. Tables are printed
as Markdown, for docs/build-model-accuracy.md. With `--weights-of-fold 0=FILE,1=FILE,…` (and `--trace-weights-of-fold`)
each map is judged by networks that never saw its fold: cross-validation.

`--rows FILE` keeps measured maps (JSON lines) and does not measure them again. `--hypothesis` stands in for a stage
(see hypotheses.py); with several, a table compares them. Maps of one structure at several resolutions, or of several
sizes, are made by simulated.py; `--curves PNG` draws their scores, `--costs PNG` time and memory against residues.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
import modelplots
import modeltables as tables
from benchtools import by_fold
from hypotheses import NAMES, USUAL
from modeltables import Row

from cryotools.curation.pairlist import Entry, read_list


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("list")
    options.add_argument("--weights")
    options.add_argument("--weights-of-fold", metavar="0=FILE,1=FILE,…", type=by_fold, default={})
    options.add_argument("--trace-weights")
    options.add_argument("--trace-weights-of-fold", metavar="0=FILE,1=FILE,…", type=by_fold, default={})
    options.add_argument("--coarsest", type=float, default=4.6, metavar="ANGSTROM")
    options.add_argument("--only", metavar="ID,ID,…", help="these maps alone")
    options.add_argument("--hypothesis", choices=NAMES, action="append")
    options.add_argument("--rows", metavar="FILE")
    options.add_argument("--models", metavar="FOLDER", help="keep the models")
    options.add_argument("--curves", metavar="PNG")
    options.add_argument("--costs", metavar="PNG")
    chosen = options.parse_args(arguments)
    rows = list(_measured(chosen))
    usual = [row for row in rows if row["hypothesis"] == USUAL]
    if chosen.curves:
        print(modelplots.curves(usual, chosen.curves), end="\n\n")
    elif chosen.costs:
        print(modelplots.costs(usual, chosen.costs), end="\n\n")
    elif usual:
        print(tables.models(usual), tables.geometry(usual), tables.confidences(usual), tables.means(usual), sep="\n\n")
    if any("refused" in row for row in rows):
        print("\n" + tables.refused(rows))
    if len({row["hypothesis"] for row in rows}) > 1:
        print("\nCα recall and precision at 3 Å, backward, sequence recall:\n\n" + tables.compared(rows))


def _measured(chosen: argparse.Namespace) -> Iterator[Row]:
    kept = Path(chosen.rows) if chosen.rows else None
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept and kept.exists() else []
    done = {(row["id"], row["hypothesis"]): row for row in rows}
    only = set(chosen.only.split(",")) if chosen.only else None
    for entry in sorted(read_list(chosen.list), key=lambda one: one.resolution):
        if entry.resolution > chosen.coarsest or (only and entry.id not in only):
            continue
        for hypothesis in chosen.hypothesis or [USUAL]:
            if (entry.id, hypothesis) not in done:
                row = _in_own_process(chosen, entry, hypothesis)
                if kept:
                    with kept.open("a") as stream:
                        stream.write(json.dumps(row) + "\n")
                print(f"{entry.id}, {hypothesis}: {row.get('refused') or _short(row)}", file=sys.stderr, flush=True)
                done[entry.id, hypothesis] = row
            yield done[entry.id, hypothesis]


def _in_own_process(chosen: argparse.Namespace, entry: Entry, hypothesis: str) -> Row:
    """The row of one map; if the program crashes, the benchmark ends."""
    asked = asdict(entry) | {
        "weights": chosen.weights_of_fold.get(entry.fold, chosen.weights),
        "trace_weights": chosen.trace_weights_of_fold.get(entry.fold, chosen.trace_weights),
        "hypothesis": hypothesis,
        "out": str(Path(chosen.models, f"{entry.id}.cif")) if chosen.models else None,
    }
    if chosen.models:
        Path(chosen.models).mkdir(parents=True, exist_ok=True)
    script = Path(__file__).with_name("modelrow.py")
    done = subprocess.run(
        [sys.executable, str(script), json.dumps(asked)], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{entry.id}: building failed with {done.returncode}")
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def _short(row: Row) -> str:
    keys = ("recall_3", "precision_3", "backward", "sequence_recall", "outliers")
    return " ".join(f"{key} {row[key]:.3f}" for key in keys) + f" {row['cpu_s']:.0f} s {row['peak_MB']:.0f} MiB"


if __name__ == "__main__":
    main()
