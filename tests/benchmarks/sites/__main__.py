"""`make bench-sites LIST=complexes.csv`: binding sites of residues, ranked by the network and by simple rivals.

LIST is a table with the columns file and kind; sites are judged in simulated maps of 4 to 6 Å, of the complexes as they
are and of chains without their partners. `--maps` names experimental maps, a table with id, map, model and resolution.
`--homologs` is a folder of find-homologs whose queries are called NAME_CHAIN, as the files are. Means over structures
are printed as Markdown, with 95 % bootstrap intervals, for docs/sites-accuracy.md. `--fit` writes the network with
a calibration on the residues of these structures, which must not be those it is judged on: without homologs, and with
those of the ones that have some.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from cases import WITH, WITHOUT, SiteCase, experimental_cases, partners, simulated_cases
from fitting import Fitting

from cryotools.core.compute.checkpoint import load_network, save_network, shipped
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import DataError
from cryotools.core.files.output import write_text
from cryotools.core.files.table import csv_text
from cryotools.homologs.search.hits import HomologFolder, read_homologs
from cryotools.metrics.bootstrap import bootstrap_interval
from cryotools.sites.confidence import SiteCalibration
from cryotools.sites.evidence import HomologEvidence, combined, gather_evidence
from cryotools.sites.labels import SITE_NAMES
from cryotools.sites.network import BINDING_SITES
from cryotools.sites.predict import SiteLocator
from cryotools.sites.residues import exposure, score_sites, standard_exposure

RIVALS = ("map", "exposure", "map + exposure", "conservation", "homologs alone", "map + homologs")
COLUMNS = (
    "case",
    "kind",
    "condition",
    "resolution",
    "site",
    "n",
    "prior",
    *(f"{m} {r}" for r in RIVALS for m in ("ap", "auc")),
)


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list")
    options.add_argument("--maps", type=Path)
    options.add_argument("--weights")
    options.add_argument("--homologs", type=Path)
    options.add_argument("--out", type=Path, help="table of all scores")
    options.add_argument("--fit", type=Path, metavar="WEIGHTS")
    options.add_argument("--conditions", nargs="+", default=[WITH, WITHOUT])
    options.add_argument("--most", type=int, help="structures")
    chosen = options.parse_args(arguments)
    locator = SiteLocator(chosen.weights, Compute("cpu"))
    folder = read_homologs(chosen.homologs) if chosen.homologs else None
    rows, fitting = [], Fitting()
    for kind, case in _cases(chosen):
        found = locator.locate(case.volume, case.resolution).residues(case.model)
        evidence = _evidence(case, folder)
        rows += list(_scores(kind, case, found, evidence, locator.calibration))
        fitting.add(case, found, evidence)
        print(f"{case.name} {case.condition} done", flush=True)
        if chosen.out:
            write_text(chosen.out, csv_text(COLUMNS, rows))
    print(summary(rows))
    if chosen.fit:
        weights = chosen.weights or shipped(BINDING_SITES.name)
        network, config, about = load_network(weights, [BINDING_SITES])
        fitted = fitting.fitted()
        print(fitted)
        kept = {key: value for key, value in about.items() if key not in ("format", "architecture", "config")}
        save_network(chosen.fit, network, BINDING_SITES, replace(config, **fitted), about=kept, half=True)


def summary(rows: list[dict]) -> str:
    """Means over structures, by condition and kind of site; differences to each rival with their intervals."""
    lines = [
        "| map | site | structures | prior | " + " | ".join(f"AP {r}" for r in RIVALS) + " | AUC map | AP ÷ prior |"
    ]
    lines.append("|---" * (len(RIVALS) + 6) + "|")
    further = []
    for condition in dict.fromkeys(row["condition"] for row in rows):
        for site in SITE_NAMES:
            mine = _by_structure([row for row in rows if row["condition"] == condition and row["site"] == site])
            if not mine:
                continue
            prior = np.mean([one["prior"] for one in mine])
            means = [_mean([one[f"ap {rival}"] for one in mine]) for rival in RIVALS]
            auc = _mean([one["auc map"] for one in mine])
            ratio = _interval([one["ap map"] / one["prior"] for one in mine])
            lines.append(
                f"| {condition} | {site} | {len(mine)} | {prior:.3f} | {' | '.join(means)} | {auc} | {ratio} |"
            )
            for best in ("map", "map + exposure", "map + homologs"):
                for rival in (each for each in ("prior", *RIVALS) if each != best):
                    key = rival if rival == "prior" else f"ap {rival}"
                    pairs = [one[f"ap {best}"] - one[key] for one in mine]
                    further.append(f"{condition}, {site}: {best} - {rival}: {_interval(pairs)}")
    return "\n".join([*lines, "", *further])


def _cases(chosen: argparse.Namespace) -> Iterator[tuple[str, SiteCase]]:
    if chosen.list != "-":
        with Path(chosen.list).open(newline="", encoding="utf-8") as stream:
            listed = list(csv.DictReader(stream))[: chosen.most]
        for number, row in enumerate(listed):
            path = Path(chosen.list).parent / row["file"]
            for case in simulated_cases(path, number, tuple(chosen.conditions)):
                yield row.get("kind", ""), case
    if chosen.maps:
        for case in experimental_cases(chosen.maps):
            yield "map", case


def _evidence(case: SiteCase, folder: HomologFolder | None) -> HomologEvidence | None:
    """What homologs tell, but for those from the complex's own entry."""
    if folder is None:
        return None
    mine = {name: letters for name, letters in folder.sequences.items() if name.rpartition("_")[0] == case.name}
    entry = case.name[:4].lower()
    others = tuple(one for one in folder.homologs if not one.source.name.lower().startswith(entry))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = gather_evidence(case.model, HomologFolder(folder.folder, others, mine))
    except DataError:
        return None
    return found if np.isfinite(found.conservation).any() else None


def _scores(kind, case, found, evidence, calibration: SiteCalibration) -> Iterator[dict]:
    residues = found.residues
    index = case.of_atom[residues.first_atom]
    values = {"map": found.network, "exposure": np.tile(exposure(residues), (len(SITE_NAMES), 1))}
    values["map + exposure"] = found.alone
    if evidence is not None:
        values["conservation"] = np.tile(evidence.conservation, (len(SITE_NAMES), 1))
        values["homologs alone"] = np.nan_to_num(evidence.transferred) + 0.01 * evidence.standard
        exposed = standard_exposure(residues)
        values["map + homologs"] = combined(found.network, evidence, calibration, exposed)
    for site in partners(case.labels):
        truth, known = case.labels.sites[site, index], case.labels.known[site, index]
        known = known & np.isfinite(found.network[site])
        scores = {rival: score_sites(each[site], truth, known) for rival, each in values.items()}
        if scores["map"] is None:
            continue
        row = {"case": case.name, "kind": kind, "condition": case.condition, "resolution": round(case.resolution, 2)}
        row |= {"site": SITE_NAMES[site], "n": scores["map"].n, "prior": scores["map"].prior}
        for rival in RIVALS:
            one = scores.get(rival)
            row |= {f"ap {rival}": one.ap if one else None, f"auc {rival}": one.auc if one else None}
        yield row


def _by_structure(rows: list[dict]) -> list[dict]:
    """One row for each structure, the mean over its chains."""
    found = []
    for name in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == name]
        keys = ["prior", *(f"{m} {r}" for r in RIVALS for m in ("ap", "auc"))]
        values = {key: [row[key] for row in mine if row[key] is not None] for key in keys}
        found.append({key: float(np.mean(each)) if each else float("nan") for key, each in values.items()})
    return found


def _mean(values: list[float]) -> str:
    known = [each for each in values if np.isfinite(each)]
    return f"{np.mean(known):.3f}" + (f" ({len(known)})" if len(known) < len(values) else "") if known else "-"


def _interval(values: list[float]) -> str:
    one = bootstrap_interval(values)
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}] (n = {one.n})"


if __name__ == "__main__":
    main()
