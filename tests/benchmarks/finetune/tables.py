"""Scores of methods as Markdown: map by map, and paired differences from the shipped network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from cryotools.metrics.bootstrap import bootstrap_interval

METHODS = ("network", "finetune", "dock", "both", "finetune+both")
_BINS = ((0.0, 0.5), (0.5, 0.9), (0.9, 1.01), (0.0, 1.01))


def by_map(rows: Sequence[dict[str, Any]]) -> str:
    """A line per map: mean F1 of helix and sheet by each method, and Q3."""
    methods = _measured(rows)
    lines = ["| map | RES, Å | identity | majority Q3 | " + " | ".join(f"{m}: F1 / Q3" for m in methods) + " |"]
    lines.append("|" + "---|" * (4 + len(methods)))
    for name in dict.fromkeys(row["id"] for row in rows):
        mine = {row["method"]: row for row in rows if row["id"] == name}
        first = next(iter(mine.values()))
        scores = [f"{mine[m]['f1']:.3f} / {mine[m]['q3']:.3f}" if m in mine else "-" for m in methods]
        head = f"| {name} | {first['resolution']:g} | {first['identity']:.2f} | {first['majority']:.3f} | "
        lines.append(head + " | ".join(scores) + " |")
    return "\n".join(lines)


def gains(rows: Sequence[dict[str, Any]]) -> str:
    """Mean paired differences from the network, by set and identity of the best homolog, with 95 % intervals."""
    methods = _measured(rows)
    lines = ["| set | identity | maps | score | " + " | ".join(methods[1:]) + " |", "|" + "---|" * (3 + len(methods))]
    base = {row["id"]: row for row in rows if row["method"] == "network"}
    for kind in dict.fromkeys(row["set"] for row in rows):
        for low, high in _BINS:
            ids = [name for name, row in base.items() if row["set"] == kind and low <= row["identity"] < high]
            name = "all" if high - low > 1 else f"{low:.1f}-{min(high, 1.0):.1f}"
            for score in ("f1", "q3") if ids else ():
                cells, maps = [], {one.split("@")[0] for one in ids}
                for method in methods[1:]:
                    found = {row["id"]: row[score] - base[row["id"]][score] for row in rows if row["method"] == method}
                    cells.append(_mean_over_maps({one: found[one] for one in ids if one in found}))
                lines.append(f"| {kind} | {name} | {len(maps)} | {score} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _measured(rows: Sequence[dict[str, Any]]) -> list[str]:
    there = {row["method"] for row in rows}
    return [method for method in METHODS if method in there]


def _mean_over_maps(gains: Mapping[str, float]) -> str:
    """The mean, in hundredths, over maps, each the mean of its choices of homologs."""
    of_map: dict[str, list[float]] = defaultdict(list)
    for name, gain in gains.items():
        of_map[name.split("@")[0]].append(100 * gain)
    found = bootstrap_interval([sum(one) / len(one) for one in of_map.values()])
    return f"{found.value:+.1f}" + (f" ({found.low:+.1f} to {found.high:+.1f})" if found.n > 2 else "")
