"""What `finetune --task sites` adds to the network of binding sites, on simulated maps of complexes.

python tests/benchmarks/sites/tuned.py complexes.csv HOMOLOGS --out scores.csv

The list has a column file; HOMOLOGS is a folder of find-homologs whose queries are called NAME_CHAIN, as the files are.
A network is fitted to the map of each complex and the best homologs from other entries, and applied to this map and to
those of chains alone, made in the same way. Means of average precision over structures are printed as Markdown.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from cases import WITH, WITHOUT, SiteCase, partners, simulated_cases

from cryotools.core.compute.runner import Compute
from cryotools.core.files.output import write_text
from cryotools.core.files.table import csv_text
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurelist import stem
from cryotools.homologs.adapt.finetune import FineTune, finetune
from cryotools.homologs.search.hits import HomologFolder, read_homologs
from cryotools.homologs.structures import entries_of
from cryotools.metrics.bootstrap import bootstrap_interval
from cryotools.sites.labels import SITE_NAMES
from cryotools.sites.predict import SiteLocator
from cryotools.sites.residues import score_sites

COLUMNS = ("case", "condition", "resolution", "site", "homologs", "prior", "base", "tuned", "before", "after")
_MOST = 5  # homologs, the last of which is held out


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list", type=Path)
    options.add_argument("homologs", type=Path)
    options.add_argument("--out", type=Path, help="table of all scores")
    options.add_argument("--steps", type=int, default=FineTune.steps)
    options.add_argument("--boxes", type=int, default=FineTune.boxes)
    chosen = options.parse_args(arguments)
    folder, rows = read_homologs(chosen.homologs), []
    settings = FineTune("sites", boxes=chosen.boxes, steps=chosen.steps, device="cpu")
    warnings.simplefilter("ignore")
    with chosen.list.open(newline="", encoding="utf-8") as stream:
        files = [chosen.list.parent / row["file"] for row in csv.DictReader(stream)]
    for number, path in enumerate(files):
        rows += list(_measured(path, number, folder, settings))
        print(f"{path.name} done", flush=True)
        if chosen.out:
            write_text(chosen.out, csv_text(COLUMNS, rows))
    print(summary(rows))


def summary(rows: list[dict]) -> str:
    """Mean average precision over structures before and after, and its difference with a 95 % interval."""
    lines = ["| map | site | structures | prior | base | tuned | tuned - base |", "|---|---|---|---|---|---|---|"]
    for condition in (WITH, WITHOUT):
        for site in SITE_NAMES:
            mine = [row for row in rows if (row["condition"], row["site"]) == (condition, site)]
            names = list(dict.fromkeys(row["case"] for row in mine))
            each = [[np.mean([row[key] for row in mine if row["case"] == name]) for name in names] for key in _SCORES]
            if names:
                prior, base, tuned = (np.array(one) for one in each)
                gain = bootstrap_interval(list(tuned - base))
                means = f"{prior.mean():.3f} | {base.mean():.3f} | {tuned.mean():.3f}"
                interval = f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
                lines.append(f"| {condition} | {site} | {len(names)} | {means} | {interval} |")
    return "\n".join(lines)


_SCORES = ("prior", "base", "tuned")


def _measured(path: Path, number: int, folder: HomologFolder, settings: FineTune) -> Iterator[dict]:
    name = stem(path.name)
    entries = _entries(name, folder)
    if not entries:
        return
    cases = list(simulated_cases(path, number))
    with TemporaryDirectory() as place:
        tuned = finetune(cases[0].volume, cases[0].resolution, entries, Path(place) / "run", settings)
        locators = [SiteLocator(weights, Compute("cpu")) for weights in (None, tuned.path)]
    losses = {"before": tuned.loss_before, "after": tuned.loss_after}
    for case in cases:
        values = [one.locate(case.volume, case.resolution).residues(case.model).network for one in locators]
        known = {"case": name, "condition": case.condition, "resolution": round(case.resolution, 2)}
        for row in _scores(case, *values):
            yield known | {"homologs": " ".join(one.name for one in entries)} | row | losses


def _scores(case: SiteCase, base: np.ndarray, tuned: np.ndarray) -> Iterator[dict]:
    index = case.of_atom[find_residues(case.model).first_atom]
    for site in partners(case.labels):
        truth, known = case.labels.sites[site, index], case.labels.known[site, index]
        scores = [score_sites(one[site], truth, known) for one in (base, tuned)]
        if scores[0] is not None:
            yield {"site": SITE_NAMES[site], "prior": scores[0].prior, "base": scores[0].ap, "tuned": scores[1].ap}


def _entries(name: str, folder: HomologFolder) -> list[Structure]:
    """The best homologs of a structure's chains in turn, from other entries."""
    mine = [one for one in folder.homologs if one.query.rpartition("_")[0] == name]
    others = [one for one in mine if not one.source.name.lower().startswith(name[:4].lower())]
    return list(islice(entries_of(sorted(others, key=lambda one: one.rank)), _MOST))


if __name__ == "__main__":
    main()
