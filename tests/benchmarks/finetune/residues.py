"""What homologs add to detect-anchors, measured.

python tests/benchmarks/finetune/residues.py cases.csv --kept FOLDER

The list has the columns id, map, model, resolution, identity (of the best homolog, 0 to 1) and homologs, a folder made
by find-homologs. Ids that differ only after an @ are of one map. What is found is kept in FOLDER, and cases that it has
are not measured again. How surely a docked homolog's letters are right is judged for each map by weights fitted to the
other maps; those fitted to all are printed, for `homologs.docking.letters`. Tables are Markdown.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryotools.anchors.confidence import fit_weights
from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import UNKNOWN, ResidueTruth, residue_truth
from cryotools.anchors.predict import AnchorDetector
from cryotools.anchors.reweight import apply_sequences, with_sequences
from cryotools.anchors.score import counted, score_anchors, score_ca
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.fasta import read_fasta
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.adapt.finetune import FineTune
from cryotools.homologs.detect import tuned_detector, with_docked_homologs
from cryotools.homologs.docking import letters
from cryotools.homologs.docking.letters import DockedLetters, letter_fits
from cryotools.homologs.search.hits import QUERIES
from cryotools.homologs.structures import homolog_chains
from cryotools.metrics.bootstrap import bootstrap_interval
from cryotools.metrics.detection import match_points

METHODS = ("network", "sequence", "dock", "sequence+dock", "finetune")
SCORES = ("top1", "share", "precision", "share_at_80", "recall")
_BANDS = ((0.0, 0.5), (0.5, 0.9), (0.9, 1.01), (0.0, 1.01))
_NEAR = 3.0  # Å


@dataclass(frozen=True)
class Found:
    """What is found in the map of a case: residues by each method but those with docking, the docked `letters` at
    residues without and with the sequence, the model's residues, which residues count, and CPU seconds.
    """

    case: dict[str, str]
    residues: dict[str, DetectedResidues]
    letters: dict[str, list[DockedLetters]]
    truth: ResidueTruth
    counts: dict[str, np.ndarray]
    seconds: dict[str, float]

    @property
    def map(self) -> str:
        return self.case["id"].split("@")[0]


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list", type=Path)
    options.add_argument("--kept", type=Path, required=True)
    options.add_argument("--trace-weights", help="network of chains, such as one that never saw the maps")
    options.add_argument("--methods", nargs="+", default=["dock", "finetune"], choices=["dock", "finetune"])
    chosen = options.parse_args(arguments)
    chosen.kept.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    found = []
    with chosen.list.open(newline="", encoding="utf-8") as stream:
        for case in csv.DictReader(stream):
            parts = [_kept(case, method, chosen.kept, chosen.trace_weights) for method in chosen.methods]
            found.append(parts[0] if len(parts) == 1 else joined(*parts))
    rows = [row for one in found for row in scored(one, [each for each in found if each.map != one.map])]
    print(by_map(rows), gains(rows), sep="\n\n")
    print("\nweights fitted to all maps:", np.round(fitted(found), 2).tolist())
    means = {name: np.mean([one.seconds[name] for one in found if name in one.seconds]) for name in METHODS}
    print("CPU seconds:", {name: round(float(value), 1) for name, value in means.items() if value == value})


def _kept(case: dict[str, str], method: str, folder: Path, weights: str | None) -> Found:
    place = folder / f"{case['id']}.{method}"
    if not place.exists():
        place.write_bytes(pickle.dumps(measure(case, method, folder, weights)))
        print(f"{case['id']}: {method}", file=sys.stderr, flush=True)
    return pickle.loads(place.read_bytes())


def measure(case: dict[str, str], method: str, folder: Path, weights: str | None = None) -> Found:
    """Search the map of a case: by networks, sequence and docking, or by a fine-tuned network."""
    volume, resolution, model = read_map(case["map"]), float(case["resolution"]), read_structure(case["model"])
    model = model[(model.kind != WATER) & (model.element != 1) & volume.grid.contains(model.xyz)]
    detector = AnchorDetector(None, weights, Compute("cpu", threads=1))
    chains, sequences = homolog_chains(case["homologs"]), read_fasta(Path(case["homologs"]) / QUERIES)
    residues, said, seconds = {}, {}, {}
    began = time.process_time()
    if method == "finetune":
        asked = {"trace_weights": weights, "settings": FineTune(), "cache": folder}
        tuned, _, _ = tuned_detector(detector, volume, resolution, chains, **asked)
        residues["finetune"] = tuned.detect(volume, resolution).residues
    else:
        plain = detector.detect(volume, resolution)
        seconds["network"] = time.process_time() - began
        known = with_sequences(plain, sequences)[0]
        residues |= {"network": plain.residues, "sequence": known.residues}
        began = time.process_time()
        docked = with_docked_homologs(plain, chains, fits=()).docked
        placements = [(one.placement, _chain(chains, one)) for one in docked]
        said = {"dock": list(docked), "sequence+dock": letters.docked_letters(known.residues, placements)}
    seconds[method] = time.process_time() - began
    counts = {name: counted(volume, one.ca, model.xyz) for name, one in residues.items()}
    return Found(case, residues, said, residue_truth(model), counts, seconds)


def joined(one: Found, other: Found) -> Found:
    """Both parts of what is found in one map."""
    both = {name: getattr(one, name) | getattr(other, name) for name in ("residues", "letters", "counts", "seconds")}
    return replace(one, **both)


def _chain(chains, one):
    name = one.placement.structure.name
    return next(each for each in chains if each.structure.name == name and each.homolog.query == one.query)


def scored(one: Found, others: Sequence[Found]) -> list[dict]:
    """A row of scores for each method."""
    rows = []
    for method in METHODS:
        source = {"dock": "network", "sequence+dock": "sequence"}.get(method, method)
        if source not in one.residues:
            continue
        residues, counts = one.residues[source], one.counts[source]
        if one.letters.get(method):
            with _weights(fitted(others)):
                fits = letter_fits(one.letters[method], residues)
            numbered = replace(residues, density=np.arange(len(residues)))  # which residue is where afterwards
            residues, _ = apply_sequences(numbered, fits, None)
            counts = counts[residues.density.astype(int)]
        scores = score_anchors(residues, one.truth, counts)
        values = {name: getattr(scores, name) for name in SCORES[:-1]}
        values["recall"] = score_ca(residues, one.truth, counts).recall_3
        rows.append(one.case | {"method": method} | values)
    return rows


@contextmanager
def _weights(weights: np.ndarray) -> Iterator[None]:
    """Other weights of the letters than those that ship."""
    shipped, letters.WEIGHTS = letters.WEIGHTS, weights
    try:
        yield
    finally:
        letters.WEIGHTS = shipped


def fitted(found: Sequence[Found]) -> np.ndarray:
    """Weights of the features of docked letters by what is right in the models, all maps with equal weight; those that
    ship if no map has any.
    """
    features, right, group = [], [], []
    for one in found:
        residues = one.residues["network"]
        matched = match_points(residues.ca, one.truth.ca, _NEAR)
        amino = np.full(len(residues), -1)
        amino[matched.found] = one.truth.amino[matched.truth]
        for each in one.letters["dock"]:
            judged = one.counts["network"][each.residues] & (amino[each.residues] != UNKNOWN)
            features.append(each.features[judged])
            right.append((amino[each.residues] == each.letters)[judged])
            group.append(np.full(judged.sum(), one.map))
    if not features:
        return letters.WEIGHTS
    return fit_weights(*(np.concatenate(part) for part in (features, right, group)))


def by_map(rows: Sequence[dict]) -> str:
    """A line per case: by each method the types right where found, the share of anchors and their precision."""
    lines = ["| map | RES, Å | identity | " + " | ".join(METHODS) + " |", "|" + "---|" * (3 + len(METHODS))]
    for name in dict.fromkeys(row["id"] for row in rows):
        mine = {row["method"]: row for row in rows if row["id"] == name}
        first = mine["network"]
        cells = [
            " / ".join(f"{mine[m][key]:.2f}" for key in ("top1", "share", "precision")) if m in mine else "-"
            for m in METHODS
        ]
        lines.append(f"| {name} | {first['resolution']} | {float(first['identity']):.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def gains(rows: Sequence[dict]) -> str:
    """Mean differences from the network over maps, each the mean of its cases, with 95 % intervals."""
    lines = ["| identity | maps | score | network | " + " | ".join(METHODS[1:]) + " |", "|" + "---|" * 8]
    for low, high in _BANDS:
        ids = {row["id"] for row in rows if low <= float(row["identity"]) < high}
        for score in ("top1", "share", "share_at_80", "recall") if ids else ():
            base = {row["id"]: row[score] for row in rows if row["method"] == "network" and row["id"] in ids}
            cells = []
            for method in METHODS[1:]:
                found = {row["id"]: row[score] for row in rows if row["method"] == method and row["id"] in ids}
                cells.append(_interval(_over_maps({name: value - base[name] for name, value in found.items()})))
            maps = len(_over_maps(base))
            name = "all" if high - low > 1 else f"{low:.1f}-{min(high, 1.0):.1f}"
            lines.append(f"| {name} | {maps} | {score} | {np.mean(_over_maps(base)):.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _over_maps(values: dict[str, float]) -> list[float]:
    """For each map the mean of its cases."""
    of_map = defaultdict(list)
    for name, value in values.items():
        of_map[name.split("@")[0]].append(value)
    return [float(np.mean(one)) for one in of_map.values()]


def _interval(values: list[float]) -> str:
    if not values:
        return "-"
    one = bootstrap_interval(values)
    return f"{one.value:+.3f}" + (f" ({one.low:+.3f} to {one.high:+.3f})" if len(values) > 2 else "")


if __name__ == "__main__":
    main()
