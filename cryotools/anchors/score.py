"""Scores of residues found in a map against its model: Cα atoms, chain direction, anchors and amino acids.

Detections where density has no model do not count, right or wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, softmax

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import AMINO_ACIDS, UNKNOWN, ResidueTruth
from cryotools.core.maps.volume import Volume
from cryotools.metrics.classification import confusion, expected_calibration_error
from cryotools.metrics.detection import is_right, match_points, precision_recall, risk_coverage

BINS = 15
SURE = 0.8
THERE = 0.5  # presence from which a residue counts as found
_FAR, _DENSE = 5.0, 1.0  # Å from any atom, and σ above the mean: density without a model, by Haruspex's rule
_NEAR, _TIGHT = 3.0, 1.5  # Å
_RAREST = 1e-6  # probabilities below this, which may be rounded to 0, count as this


@dataclass(frozen=True)
class CaScores:
    """Cα atoms that are more likely there than not (a presence above 0.5), matched one-to-one with those of the model.

    Attributes
    ----------
    recall_1, recall_2, recall_3, precision_1, precision_2, precision_3 : within 1, 2 and 3 Å
    rmsd : Å, of the pairs within 3 Å
    forward, backward, astray : fractions of consecutive residues found, both matched, whose model residues follow one
        another in the same or the other order, or not at all
    """

    recall_1: float
    recall_2: float
    recall_3: float
    precision_1: float
    precision_2: float
    precision_3: float
    rmsd: float
    forward: float
    backward: float
    astray: float


@dataclass(frozen=True)
class AnchorScores:
    """Residues found with their types; right means one-to-one within 3 Å (or 1.5 Å) of the centre of mass of a residue
    of that type. Residues of the model whose side chain is incomplete count neither as missed nor as wrong.

    Attributes
    ----------
    top1 : fraction of the residues found at a Cα that have the right type
    precision, share : of residues with a confidence of at least 0.8: the fraction that is right, and the number of
        these right ones relative to the residues of the model
    precision_tight : the same precision within 1.5 Å
    share_at_80 : residues that are right at a precision of 80 %, relative to those of the model, the cut chosen on the
        map itself, as peers are quoted
    best_5, best_10, best_25, best_50 : precision of the most confident, as per cent of the model's residues
    ece, ece_before : expected calibration error (15 bins) of the confidence, and of the bare probability of the type
    risk : area under the risk-coverage curve
    """

    top1: float
    precision: float
    share: float
    precision_tight: float
    share_at_80: float
    best_5: float
    best_10: float
    best_25: float
    best_50: float
    ece: float
    ece_before: float
    risk: float


@dataclass(frozen=True)
class TypeScores:
    """Amino acids at known positions: fractions, the cross-entropy in nats, and the fraction of the most common type.

    `counts` is the confusion matrix int (20, 20), true types in rows.
    """

    n: int
    top1: float
    top3: float
    top5: float
    nats: float
    majority: float
    ece: float
    counts: np.ndarray


def counted(volume: Volume, xyz: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Which positions (n, 3) in Å count: all but those in density above 1 σ farther than 5 Å from any of the model's
    `atoms` (m, 3).
    """
    from scipy.spatial import cKDTree

    if not len(xyz):
        return np.zeros(0, dtype=bool)
    level = volume.data.mean(dtype=np.float64) + _DENSE * volume.data.std(dtype=np.float64)
    return (cKDTree(atoms).query(xyz)[0] <= _FAR) | (volume.sample(xyz) <= level)


def score_ca(residues: DetectedResidues, truth: ResidueTruth, counts: np.ndarray) -> CaScores:
    """Scores of positions and order; `counts` (n,) is False for residues to leave out."""
    use = np.flatnonzero(counts & (residues.presence > THERE))
    matched = {within: match_points(residues.ca[use], truth.ca, within) for within in (1.0, 2.0, 3.0)}
    last = matched[_NEAR]
    true = np.full(len(residues) + 1, -1)
    true[use[last.found]] = last.truth
    here, there = true[:-1], true[residues.after]
    known = (residues.after >= 0) & (here >= 0) & (there >= 0)
    here, there = here[known], there[known]
    forward, backward = (_share(ahead[here] == there, len(here)) for ahead in (truth.after, truth.before))
    recall = [len(one) / max(len(truth), 1) for one in matched.values()]
    precision = [len(one) / max(len(use), 1) for one in matched.values()]
    rmsd = float(np.sqrt(np.mean(last.distance**2))) if len(last) else float("nan")
    return CaScores(
        recall_1=recall[0],
        recall_2=recall[1],
        recall_3=recall[2],
        precision_1=precision[0],
        precision_2=precision[1],
        precision_3=precision[2],
        rmsd=rmsd,
        forward=forward,
        backward=backward,
        astray=1 - forward - backward,
    )


def score_anchors(residues: DetectedResidues, truth: ResidueTruth, counts: np.ndarray) -> AnchorScores:
    """Scores of types and confidences; `counts` (n,) is False for residues to leave out."""
    judged = counts & ~untyped(residues, truth, counts)
    use, sure = np.flatnonzero(judged), judged & (residues.confidence >= SURE)
    right = right_residues(residues, truth, judged)[use]
    near, tight = (right_residues(residues, truth, sure, within)[sure] for within in (_NEAR, _TIGHT))
    confidence, n = residues.confidence[use], max(int(np.sum(truth.amino != UNKNOWN)), 1)
    curve = precision_recall(confidence, right, n)
    order = right[np.argsort(-confidence, kind="stable")]
    at_ca = match_points(residues.ca[use], truth.ca, _NEAR)
    named = residues.amino[use][at_ca.found] == truth.amino[at_ca.truth]
    bare = residues.types[use].max(axis=1, initial=0)
    best = [_share(order[: round(part * n)], round(part * n)) for part in (0.05, 0.1, 0.25, 0.5)]
    return AnchorScores(
        top1=_share(named, len(named)),
        precision=_share(near, len(near)),
        share=float(near.sum() / n),
        precision_tight=_share(tight, len(tight)),
        share_at_80=curve.recall_at(SURE),
        best_5=best[0],
        best_10=best[1],
        best_25=best[2],
        best_50=best[3],
        ece=expected_calibration_error(confidence, right, BINS),
        ece_before=expected_calibration_error(bare, right, BINS),
        risk=risk_coverage(confidence, right).area(),
    )


def untyped(residues: DetectedResidues, truth: ResidueTruth, counts: np.ndarray) -> np.ndarray:
    """Mask (n,) of the residues found that are matched, by Cα within 3 Å, with one whose type the model does not tell,
    since its side chain is incomplete.
    """
    use = np.flatnonzero(counts)
    matching = match_points(residues.ca[use], truth.ca, _NEAR)
    mask = np.zeros(len(residues), dtype=bool)
    mask[use[matching.found]] = truth.amino[matching.truth] == UNKNOWN
    return mask


def right_residues(
    residues: DetectedResidues, truth: ResidueTruth, counts: np.ndarray, within: float = _NEAR
) -> np.ndarray:
    """Mask (n,) of the residues found whose centre of mass is matched, within so many Å, with one of the same type."""
    use = np.flatnonzero(counts)
    right = np.zeros(len(residues), dtype=bool)
    for amino in range(len(AMINO_ACIDS)):
        mine = use[residues.amino[use] == amino]
        matching = match_points(residues.mass[mine], truth.mass[truth.amino == amino], within)
        right[mine] = is_right(len(mine), matching)
    return right


def anchors_by_type(
    residues: DetectedResidues, truth: ResidueTruth, counts: np.ndarray, confidence: float = SURE
) -> np.ndarray:
    """For each amino acid (20, 3): residues in the model, residues found with at least this confidence, right ones."""
    sure = counts & ~untyped(residues, truth, counts) & (residues.confidence >= confidence)
    right = right_residues(residues, truth, sure)
    each = [truth.amino[truth.amino != UNKNOWN], residues.amino[sure], residues.amino[sure & right]]
    return np.stack([np.bincount(one.astype(int), minlength=len(AMINO_ACIDS)) for one in each], axis=1)


def score_types(logits: np.ndarray, amino: np.ndarray, temperature: float = 1.0) -> TypeScores:
    """Scores of logits (n, 20) of residues of types `amino` (n,); those of unknown type are left out."""
    known = amino != UNKNOWN
    logits, amino = logits[known].astype(np.float64) / temperature, amino[known].astype(np.int64)
    n, each = len(amino), np.arange(int(known.sum()))
    order = np.argsort(-logits, axis=1, kind="stable")
    rank = (order == amino[:, None]).argmax(axis=1) if n else np.zeros(0, dtype=int)
    confidence = softmax(logits, axis=1).max(axis=1, initial=0) if n else np.zeros(0)
    return TypeScores(
        n=n,
        **{f"top{k}": _share(rank < k, n) for k in (1, 3, 5)},
        nats=float(-log_softmax(logits, axis=1)[each, amino].mean()) if n else float("nan"),
        majority=float(np.bincount(amino).max() / n) if n else float("nan"),
        ece=expected_calibration_error(confidence, rank == 0, BINS),
        counts=confusion(amino, order[:, 0] if n else amino, len(AMINO_ACIDS)),
    )


def score_found_types(residues: DetectedResidues, truth: ResidueTruth, counts: np.ndarray) -> TypeScores:
    """Scores of amino acids where residues were found: those matched one-to-one with a Cα of the model within 3 Å.

    What is not found is left out; `counts` (n,) is False for residues to leave out, too.
    """
    use = np.flatnonzero(counts)
    matching = match_points(residues.ca[use], truth.ca, _NEAR)
    types = residues.types[use[matching.found]].astype(np.float64)
    return score_types(np.log(np.maximum(types, _RAREST)), truth.amino[matching.truth])


def _share(right: np.ndarray, count: int) -> float:
    return float(np.sum(right) / count) if count else float("nan")
