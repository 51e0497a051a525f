"""Tables of measured maps as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from measured import Measured

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.score import (
    AnchorScores,
    CaScores,
    TypeScores,
    anchors_by_type,
    score_anchors,
    score_ca,
    score_types,
)
from cryotools.metrics.bootstrap import bootstrap_interval

_RANGES = (("up to 3.5 Å", 0.0, 3.5), ("3.5 to 4.6 Å", 3.5, 4.6))


def chains(maps: Sequence[Measured]) -> str:
    """Cα atoms and the direction of chains, map by map."""
    rows = []
    for one in maps:
        ca = score_ca(one.residues, one.truth, one.there)
        recall = _slashed(ca.recall_1, ca.recall_2, ca.recall_3)
        precision = _slashed(ca.precision_1, ca.precision_2, ca.precision_3)
        rows.append(
            [*_named(one), len(one.truth), recall, precision, ca.rmsd, ca.forward, ca.backward, f"{one.seconds:.0f}"]
        )
    head = [
        "map",
        "Å",
        "residues",
        "recall 1 / 2 / 3 Å",
        "precision 1 / 2 / 3 Å",
        "RMSD",
        "forward",
        "backward",
        "seconds",
    ]
    return _table(head, rows)


def types(maps: Sequence[Measured], temperature: float) -> str:
    """Amino acids at the model's Cα atoms, map by map."""
    rows = []
    for one in _with_side_chains(maps):
        found = score_types(one.logits, one.amino, temperature)
        ranks = _slashed(found.top1, found.top3, found.top5)
        rows.append([*_named(one), found.n, found.majority, ranks, found.nats, found.ece])
    return _table(["map", "Å", "residues", "majority", "top 1 / 3 / 5", "nats", "ECE"], rows)


def anchors(maps: Sequence[Measured]) -> str:
    """Types of the residues found and their confidence, map by map."""
    rows = []
    for one in _with_side_chains(maps):
        a = score_anchors(one.residues, one.truth, one.counts)
        best = _slashed(a.best_5, a.best_10, a.best_25, a.best_50)
        sure = [a.top1, a.precision, a.precision_tight, a.share, a.share_at_80]
        rows.append([*_named(one), *sure, best, a.ece, a.ece_before, a.risk])
    head = ["map", "Å", "top 1 where found", "right at 3 Å", "right at 1.5 Å", "share", "share at 80 %"]
    return _table([*head, "best 5 / 10 / 25 / 50 %", "ECE", "ECE before", "AURC"], rows)


def by_amino_acid(maps: Sequence[Measured], coarsest: float = 3.5) -> str:
    """Anchors of each amino acid in all maps up to `coarsest` Å together."""
    near = [one for one in _with_side_chains(maps) if one.entry.resolution <= coarsest]
    counts = np.sum([anchors_by_type(one.residues, one.truth, one.counts) for one in near], axis=0)
    rows = [
        [letter, *counts[at].tolist(), counts[at, 2] / max(counts[at, 0], 1), counts[at, 2] / max(counts[at, 1], 1)]
        for at, letter in enumerate(AMINO_ACIDS)
    ]
    return _table(["amino acid", "in the models", "anchors", "right", "found", "right of anchors"], rows)


def summary(maps: Sequence[Measured], temperature: float) -> str:
    """Means over maps with 95 % bootstrap intervals, by resolution."""
    scores: dict[str, Callable[[Measured], CaScores | AnchorScores | TypeScores]] = {
        "Cα": lambda one: score_ca(one.residues, one.truth, one.there),
        "types": lambda one: score_types(one.logits, one.amino, temperature),
        "anchors": lambda one: score_anchors(one.residues, one.truth, one.counts),
    }
    names = {
        "Cα": ("recall_3", "precision_3", "rmsd", "forward", "backward"),
        "types": ("majority", "top1", "top3", "top5", "nats", "ece"),
        "anchors": ("top1", "precision", "precision_tight", "share", "share_at_80", "ece", "ece_before", "risk"),
    }
    rows = []
    for kind, score in scores.items():
        for name in names[kind]:
            row = [f"{kind}: {name}"]
            for _, low, high in _RANGES:
                use = [one for one in _with_side_chains(maps) if low < one.entry.resolution <= high]
                found = bootstrap_interval([float(getattr(score(one), name)) for one in use])
                row.append(f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f}; {found.n} maps)")
            rows.append(row)
    return _table(["score", *(words for words, *_ in _RANGES)], rows)


def draw_confusion(path: str, maps: Sequence[Measured], temperature: float, coarsest: float = 3.5) -> None:
    """Draw which amino acids are taken for which at the models' Cα atoms, in all maps up to `coarsest` Å together."""
    from matplotlib.figure import Figure

    from cryotools.view.picture import save_figure

    near = [one for one in _with_side_chains(maps) if one.entry.resolution <= coarsest]
    counts = np.sum([score_types(one.logits, one.amino, temperature).counts for one in near], axis=0)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(AMINO_ACIDS)), list(AMINO_ACIDS))
    axes.set_yticks(range(len(AMINO_ACIDS)), list(AMINO_ACIDS))
    axes.set(xlabel="most probable type", ylabel="type in the model")
    for i, j in np.argwhere(share >= 0.1):
        axes.text(
            j,
            i,
            f"{100 * share[i, j]:.0f}",
            ha="center",
            va="center",
            fontsize=6,
            color="w" if share[i, j] > 0.5 else "k",
        )
    figure.colorbar(picture, label="fraction of the type")
    save_figure(figure, path)


def _with_side_chains(maps: Sequence[Measured]) -> list[Measured]:
    return [one for one in maps if not one.predicted]


def _named(one: Measured) -> list[str]:
    return [one.entry.id.replace("*", " *"), f"{one.entry.resolution:g}"]


def _slashed(*values: float) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_shown, line))} |" for line in lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.2f}"
    return str(value)
