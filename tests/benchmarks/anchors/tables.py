"""Tables of measured maps as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from benchtools import interval, slashed, table
from measured import Measured

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.score import (
    BINS,
    AnchorScores,
    CaScores,
    TypeScores,
    anchors_by_type,
    right_residues,
    score_anchors,
    score_ca,
    score_found_types,
    score_types,
    untyped,
)
from cryotools.metrics.bootstrap import bootstrap_interval
from cryotools.metrics.classification import expected_calibration_error

_RANGES = (("up to 3.5 Å", 0.0, 3.5), ("3.5 to 4.6 Å", 3.5, 4.6))


def chains(maps: Sequence[Measured]) -> str:
    """Cα atoms and the direction of chains, map by map."""
    rows = []
    for one in maps:
        ca = score_ca(one.residues, one.truth, one.counts)
        recall = slashed(ca.recall_1, ca.recall_2, ca.recall_3)
        precision = slashed(ca.precision_1, ca.precision_2, ca.precision_3)
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
    return table(head, rows)


def types(maps: Sequence[Measured]) -> str:
    """Amino acids in the frames of the model's Cα atoms, placed by Cα or by the centre of mass, and where residues were
    found; map by map.
    """
    rows = []
    for one in _with_side_chains(maps):
        true = score_types(one.logits, one.amino, one.temperature)
        each = [true, score_types(one.logits_by_mass, one.amino, one.temperature)]
        each.append(score_found_types(one.residues, one.truth, one.counts))
        ranks = [slashed(found.top1, found.top3, found.top5) for found in each]
        rows.append([*_named(one), true.n, true.majority, ranks[0], true.nats, true.ece, *ranks[1:], each[2].n])
    head = ["map", "Å", "residues", "majority", "top 1 / 3 / 5", "nats", "ECE", "at the centre of mass", "where found"]
    return table([*head, "residues found"], rows)


def anchors(maps: Sequence[Measured]) -> str:
    """Types of the residues found and their confidence, map by map."""
    rows = []
    for one in _with_side_chains(maps):
        a = score_anchors(one.residues, one.truth, one.counts)
        best = slashed(a.best_5, a.best_10, a.best_25, a.best_50)
        sure = [a.top1, a.precision, a.precision_tight, a.share, a.share_at_80]
        rows.append([*_named(one), *sure, best, a.ece, a.ece_before, a.risk])
    head = ["map", "Å", "top 1 where found", "right at 3 Å", "right at 1.5 Å", "share", "share at 80 %"]
    return table([*head, "best 5 / 10 / 25 / 50 %", "ECE", "ECE before", "AURC"], rows)


def by_amino_acid(maps: Sequence[Measured], coarsest: float = 3.5) -> str:
    """Anchors of each amino acid in all maps up to `coarsest` Å together."""
    near = [one for one in _with_side_chains(maps) if one.entry.resolution <= coarsest]
    counts = np.sum([anchors_by_type(one.residues, one.truth, one.counts) for one in near], axis=0)
    rows = [
        [letter, *counts[at].tolist(), _ratio(counts[at, 2], counts[at, 0]), _ratio(counts[at, 2], counts[at, 1])]
        for at, letter in enumerate(AMINO_ACIDS)
    ]
    return table(["amino acid", "in the models", "anchors", "right", "found", "right of anchors"], rows)


def summary(maps: Sequence[Measured]) -> str:
    """Means over maps with 95 % bootstrap intervals, by resolution."""
    scores: dict[str, Callable[[Measured], CaScores | AnchorScores | TypeScores]] = {
        "Cα": lambda one: score_ca(one.residues, one.truth, one.counts),
        "types": lambda one: score_types(one.logits, one.amino, one.temperature),
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
                row.append(interval(found))
            rows.append(row)
    return table(["score", *(words for words, *_ in _RANGES)], rows)


def calibration(maps: Sequence[Measured]) -> str:
    """ECE of the confidence, map by map and of all residues together, and what chance alone would make it."""
    rows = []
    for words, low, high in _RANGES:
        use = [one for one in _with_side_chains(maps) if low < one.entry.resolution <= high]
        each = [_judged(one) for one in use]
        random = np.random.default_rng(0)
        ideal = [[ece(sure, random.random(len(sure)) < sure) for sure, _ in each] for _ in range(100)]
        all_ = [np.concatenate(part) for part in zip(*each, strict=True)]
        found = (np.mean([ece(*one) for one in each]), np.mean(ideal), ece(*all_))
        rows.append([words, *(f"{one:.3f}" for one in found)])
    return table(["", "mean over maps", "the same of perfect confidences", "residues of all maps together"], rows)


def ece(confidence: np.ndarray, right: np.ndarray) -> float:
    """The expected calibration error, 15 bins."""
    return expected_calibration_error(confidence, right, BINS)


def _judged(one: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and whether they are right, of the residues found that a model can judge."""
    use = one.counts & ~untyped(one.residues, one.truth, one.counts)
    return one.residues.confidence[use], right_residues(one.residues, one.truth, use)[use]


def confused(maps: Sequence[Measured], coarsest: float = 3.5) -> np.ndarray:
    """Which amino acids are taken for which at the models' Cα atoms, int (20, 20), in all maps up to `coarsest` Å
    together.
    """
    near = [one for one in _with_side_chains(maps) if one.entry.resolution <= coarsest]
    return np.sum([score_types(one.logits, one.amino, one.temperature).counts for one in near], axis=0)


def _with_side_chains(maps: Sequence[Measured]) -> list[Measured]:
    return [one for one in maps if not one.predicted]


def _named(one: Measured) -> list[str]:
    return [one.entry.id.replace("*", " *"), f"{one.entry.resolution:g}"]


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")
