"""`make bench-docking LIST=probes.csv`: whether docked structures that are in a map are told from those that are not.

LIST has the columns map, resolution, model, structure (FILE:CHAIN), kind ("homolog", or "other" for a structure that is
not in the map) and family, that of the map's protein. The best placement of each structure is right if it is a homolog
and at least half of its aligned Cα atoms lie within 5 Å of the model's. Rows are added to `--rows FILE` (JSON lines),
and those that it has are not measured again. Tables are printed as Markdown, for docs/homologs-accuracy.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from acceptance import fitted, table
from placed import Placer, probes


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list")
    options.add_argument("--rows", metavar="FILE")
    chosen = options.parse_args(arguments)
    kept = Path(chosen.rows) if chosen.rows else None
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept and kept.exists() else []
    done = {(row["map"], row["structure"]) for row in rows}
    placer = Placer()
    for probe in probes(chosen.list):
        if (probe.map, probe.structure) in done:
            continue
        rows.append(placer.row(probe))
        if kept:
            with kept.open("a") as stream:
                stream.write(json.dumps(rows[-1]) + "\n")
        said = f"{probe.map} {probe.structure}: right {rows[-1]['right']}, probability {rows[-1]['probability']:.2f}"
        print(said, file=sys.stderr, flush=True)
    print(table(rows), fitted(rows), sep="\n\n")


if __name__ == "__main__":
    main()
