"""Tables of models that were built and scored, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchtools import interval, slashed, table

from cryotools.metrics.bootstrap import bootstrap_interval

Row = dict[str, Any]

BANDS = (("up to 3.5 Å", 0.0, 3.5), ("3.5 to 4.6 Å", 3.5, 4.6))
_SCORES = (
    ("Cα recall at 1 Å", "recall_1"),
    ("Cα recall at 2 Å", "recall_2"),
    ("Cα recall at 3 Å", "recall_3"),
    ("Cα precision at 1 Å", "precision_1"),
    ("Cα precision at 2 Å", "precision_2"),
    ("Cα precision at 3 Å", "precision_3"),
    ("RMSD, Å", "rmsd"),
    ("backward", "backward"),
    ("type right where known", "match"),
    ("sequence recall", "sequence_recall"),
    ("longest right run", "longest_run"),
    ("TM-score of chains", "tm"),
    ("Ramachandran favoured", "favoured"),
    ("Ramachandran outliers", "outliers"),
    ("clashes per 1,000", "clashscore"),
    ("ECE", "ece"),
    ("share at 0.9", "sure"),
    ("right at 0.9", "sure_right"),
    ("CPU s", "cpu_s"),
    ("MiB", "peak_MB"),
)


def models(rows: Sequence[Row]) -> str:
    """What was built, map by map."""
    lines = []
    for row in built(rows):
        found = [f"{row['n_built']} / {row['n_reference']}"]
        found += [slashed(*(row[f"{name}_{radius}"] for radius in (1, 2, 3))) for name in ("recall", "precision")]
        found += [row["rmsd"], row["backward"], row["match"], row["sequence_recall"], row["longest_run"]]
        lines.append([*_named(row), *found])
    head = ["residues built / in the model", "Cα recall 1 / 2 / 3 Å", "precision 1 / 2 / 3 Å", "RMSD, Å", "backward"]
    return table(["map", "Å", *head, "type right where known", "sequence recall", "longest right run"], lines)


def geometry(rows: Sequence[Row]) -> str:
    """Stereochemistry, and what it cost, map by map."""
    lines = []
    for row in built(rows):
        bonds = f"{row['bond_rmsd']:.3f} / {row['angle_rmsd']:.1f}°"
        found = [f"{row['favoured']:.2f} / {row['outliers']:.3f}", bonds, f"{row['clashscore']:.0f}"]
        lines.append([*_named(row), *found, f"{row['cpu_s']:.0f}", f"{row['peak_MB']:.0f}"])
    head = ["Ramachandran favoured / outliers", "bonds, Å / angles", "clashes per 1,000", "CPU s", "MiB"]
    return table(["map", "Å", *head], lines)


def confidences(rows: Sequence[Row]) -> str:
    """Whether confidences can be trusted, map by map."""
    keys = ("ece", "sure", "sure_right")
    lines = [[*_named(row), *(row[key] for key in keys)] for row in built(rows)]
    return table(["map", "Å", "ECE", "share at 0.9", "right"], lines)


def means(rows: Sequence[Row]) -> str:
    """Means over maps by resolution, with intervals; a map that was refused has found nothing."""
    lines = []
    for words, key in _SCORES:
        line = [words]
        for _, low, high in BANDS:
            mine = [row for row in rows if low < row["resolution"] <= high]
            line.append(interval(bootstrap_interval([_value(row, key) for row in mine])))
        lines.append(line)
    return table(["", *(words for words, *_ in BANDS)], lines)


def compared(rows: Sequence[Row]) -> str:
    """Scores under each hypothesis, map by map, and means over the maps that have all."""
    names = list(dict.fromkeys(row["hypothesis"] for row in rows))
    keys = ("recall_3", "precision_3", "backward", "sequence_recall")
    lines = []
    for one in dict.fromkeys(row["id"] for row in rows):
        mine = {row["hypothesis"]: row for row in rows if row["id"] == one}
        found = [[_value(mine[name], key) for key in keys] if name in mine else [] for name in names]
        lines.append([one, *(slashed(*each) or "-" for each in found)])
    whole = [
        one for one in dict.fromkeys(row["id"] for row in rows) if sum(row["id"] == one for row in rows) == len(names)
    ]
    of = {name: [row for row in rows if row["hypothesis"] == name and row["id"] in whole] for name in names}
    mean = [slashed(*(bootstrap_interval([_value(row, key) for row in of[name]]).value for key in keys)) for name in of]
    return table(["map", *names], [*lines, ["mean", *mean]])


def refused(rows: Sequence[Row]) -> str:
    """The maps without a model, and why."""
    return table(["map", "Å", "no model because"], [[*_named(row), row["refused"]] for row in rows if "refused" in row])


def built(rows: Sequence[Row]) -> list[Row]:
    """The rows with a model, the finest map first."""
    return sorted((row for row in rows if "refused" not in row), key=lambda row: row["resolution"])


def _value(row: Row, key: str) -> float:
    """A score; recall is 0 without a model."""
    missing = 0.0 if key.startswith(("recall", "sequence_recall", "longest")) else float("nan")
    return float(row.get(key, missing))


def _named(row: Row) -> list[str]:
    return [row["id"].replace("*", " *"), f"{row['resolution']:g}"]
