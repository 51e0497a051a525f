"""Scores of methods as Markdown: map by map, and paired differences from the shipped network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryotools.metrics.bootstrap import bootstrap_interval

METHODS = ("network", "finetune", "dock", "auto", "finetune+auto")
_BINS = ((0.0, 0.5), (0.5, 0.9), (0.9, 1.01), (0.0, 1.01))


def by_map(rows: Sequence[dict[str, Any]]) -> str:
    """A line per map: mean F1 of helix and sheet by each method, and Q3."""
    lines = ["| map | RES, Å | identity | majority Q3 | " + " | ".join(f"{m}: F1 / Q3" for m in METHODS) + " |"]
    lines.append("|" + "---|" * (4 + len(METHODS)))
    for name in dict.fromkeys(row["id"] for row in rows):
        mine = {row["method"]: row for row in rows if row["id"] == name}
        first = next(iter(mine.values()))
        scores = [f"{mine[m]['f1']:.3f} / {mine[m]['q3']:.3f}" if m in mine else "-" for m in METHODS]
        head = f"| {name} | {first['resolution']:g} | {first['identity']:.2f} | {first['majority']:.3f} | "
        lines.append(head + " | ".join(scores) + " |")
    return "\n".join(lines)


def gains(rows: Sequence[dict[str, Any]]) -> str:
    """Mean paired differences from the network, by set and identity of the best homolog, with 95 % intervals."""
    lines = ["| set | identity | maps | score | " + " | ".join(METHODS[1:]) + " |", "|" + "---|" * (3 + len(METHODS))]
    base = {row["id"]: row for row in rows if row["method"] == "network"}
    for kind in dict.fromkeys(row["set"] for row in rows):
        for low, high in _BINS:
            ids = [name for name, row in base.items() if row["set"] == kind and low <= row["identity"] < high]
            for score in ("f1", "q3") if ids else ():
                cells = []
                for method in METHODS[1:]:
                    found = {row["id"]: row[score] for row in rows if row["method"] == method and row["id"] in ids}
                    each = bootstrap_interval([100 * (found[name] - base[name][score]) for name in found])
                    cells.append(f"{each.value:+.1f} ({each.low:+.1f} to {each.high:+.1f}), n {each.n}")
                name = "all" if high - low > 1 else f"{low:.1f}-{min(high, 1.0):.1f}"
                lines.append(f"| {kind} | {name} | {len(ids)} | {score} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
