"""Fit the calibration of confidences on maps that the networks never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from cryotools.anchors.calibration import Calibration
from cryotools.anchors.confidence import Evidence, fit_weights, probability
from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import UNKNOWN, ResidueTruth
from cryotools.metrics.detection import is_right, match_points

WITHIN = 3.0  # Å between Cα atoms, of a residue that is there


@dataclass(frozen=True)
class Judged:
    """The residues found in a map that lie where density counts, and whether they are right.

    Attributes
    ----------
    evidence : of the residues (n,)
    there, right : bool (n,), a Cα lies within 3 Å, one-to-one; and its amino acid is the most probable type
    typed : bool (n,), False where the model does not tell the type, since the side chain is incomplete
    direction : nats (m,) in favour of the direction of each path, from its matched bonds, and whether it is right
    """

    evidence: Evidence
    there: np.ndarray
    right: np.ndarray
    typed: np.ndarray
    direction: tuple[np.ndarray, np.ndarray]


def judge(residues: DetectedResidues, evidence: Evidence, truth: ResidueTruth, counts: np.ndarray) -> Judged:
    """Compare what was found in a map with its model, where `counts` (n,) is True for a residue."""
    use = np.flatnonzero(counts)
    matching = match_points(residues.ca[use], truth.ca, WITHIN)
    there = is_right(len(use), matching)
    right = there.copy()
    right[matching.found] = residues.amino[use][matching.found] == truth.amino[matching.truth]
    typed = np.ones(len(use), dtype=bool)
    typed[matching.found] = truth.amino[matching.truth] != UNKNOWN
    true = np.full(len(residues) + 1, -1)
    true[use[matching.found]] = matching.truth
    forward = (truth.after[true[:-1]] == true[residues.after]) & (residues.after >= 0)
    backward = (truth.before[true[:-1]] == true[residues.after]) & (residues.after >= 0)
    known = (true[:-1] >= 0) & (true[residues.after] >= 0)
    votes = np.where(known & forward, 1, 0) - np.where(known & backward, 1, 0)
    nats, ways = [], []
    for path in np.unique(residues.path[residues.path >= 0]):
        at = residues.path == path
        if votes[at].sum():
            nats.append(float(evidence.direction[at][0]))
            ways.append(bool(votes[at].sum() > 0))
    part = Evidence(
        **{key: getattr(evidence, key)[use] for key in ("ca", "bonds", "density", "types", "residue", "direction")},
        resolution=evidence.resolution,
    )
    return Judged(part, there, right, typed, (np.array(nats), np.array(ways, dtype=bool)))


def fit_calibration(maps: Sequence[Judged]) -> Calibration:
    """The calibration that makes confidences match how often residues are right; all maps have equal weight."""

    def grouped(parts: list[np.ndarray]) -> np.ndarray:
        return np.repeat(np.arange(len(parts)), [len(part) for part in parts])

    features = [one.evidence.presence_features() for one in maps]
    presence = fit_weights(np.concatenate(features), np.concatenate([one.there for one in maps]), grouped(features))
    nats, ways = (np.concatenate([one.direction[at] for one in maps]) for at in (0, 1))

    direction = Calibration.direction
    if len(nats):
        direction = float(fit_weights(nats[:, None], ways, np.zeros(len(nats)))[0])
    of_right = [
        one.evidence.right_features(
            probability(seen, presence), expit(direction * one.evidence.direction).astype(np.float32)
        )[one.typed]
        for one, seen in zip(maps, features, strict=True)
    ]
    right = fit_weights(
        np.concatenate(of_right), np.concatenate([one.right[one.typed] for one in maps]), grouped(of_right)
    )
    return Calibration(tuple(map(float, presence)), tuple(map(float, right)), direction)
