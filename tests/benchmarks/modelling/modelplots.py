"""Scores against resolution, and time and memory against size, as tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from benchtools import interval, table
from modeltables import Row, built

from cryotools.metrics.bootstrap import bootstrap_interval
from cryotools.view.picture import save_figure

_CURVES = {
    "recall_1": "Cα recall at 1 Å",
    "recall_3": "Cα recall at 3 Å",
    "precision_3": "Cα precision at 3 Å",
    "rmsd": "RMSD, Å",
    "backward": "backward",
    "match": "type right where known",
    "sequence_recall": "sequence recall",
    "tm": "TM-score of chains",
    "favoured": "Ramachandran favoured",
    "outliers": "Ramachandran outliers",
    "ece": "ECE",
    "sure_right": "right at 0.9",
}
_NOTHING = ("recall_1", "recall_3", "sequence_recall", "tm")  # are 0 without a model


def curves(rows: Sequence[Row], path: str) -> str:
    """Draw each score against resolution: a thin line for each structure, a thick one for the mean; returns the means
    with their intervals over structures as a table.
    """
    from matplotlib.figure import Figure

    at = sorted({row["resolution"] for row in rows})
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    panels = figure.subplots(3, 4, sharex=True).ravel()
    lines = []
    for panel, (key, words) in zip(panels, _CURVES.items(), strict=True):
        for one in dict.fromkeys(_structure(row) for row in rows):
            mine = sorted((row for row in rows if _structure(row) == one), key=lambda row: row["resolution"])
            panel.plot([row["resolution"] for row in mine], [_value(row, key) for row in mine], "0.8", lw=0.7)
        found = [bootstrap_interval([_value(row, key) for row in rows if row["resolution"] == here]) for here in at]
        panel.errorbar(
            at, [one.value for one in found], np.abs([[one.value - one.low, one.high - one.value] for one in found]).T
        )
        panel.set_title(words, fontsize=9)
        lines.append([words, *(interval(one, 2) for one in found)])
    figure.supxlabel("resolution, Å")
    save_figure(figure, path)
    return table(["", *(f"{here:g} Å" for here in at)], lines)


def costs(rows: Sequence[Row], path: str) -> str:
    """Draw processor time and peak memory against the residues of the model; returns them as a table."""
    from matplotlib.figure import Figure

    mine = sorted(built(rows), key=lambda row: row["n_reference"])
    count = np.array([row["n_reference"] for row in mine])
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    for panel, key, words in zip(figure.subplots(1, 2), ("cpu_s", "peak_MB"), ("CPU s", "MiB"), strict=True):
        value = np.array([row[key] for row in mine])
        panel.plot(count, value, "o-")
        panel.set(xlabel="residues", ylabel=words, xlim=(0, None), ylim=(0, None))
    save_figure(figure, path)
    lines = [
        [
            *(row["n_reference"], row["n_built"], f"{row['cpu_s']:.0f}"),
            f"{1000 * row['cpu_s'] / row['n_reference']:.0f}",
            *(f"{row['peak_MB']:.0f}", row["recall_3"], row["sequence_recall"]),
        ]
        for row in mine
    ]
    head = ["residues", "built", "CPU s", "CPU ms per residue", "peak MiB", "Cα recall at 3 Å", "sequence recall"]
    return table(head, lines)


def _structure(row: Row) -> str:
    return str(row["id"]).split("@")[0]


def _value(row: Row, key: str) -> float:
    return float(row.get(key, 0.0 if key in _NOTHING else np.nan))
