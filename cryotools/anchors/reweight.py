"""What sequences add to the residues found: surer amino acids, and the direction of paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from cryotools.anchors.detected import DetectedResidues, Detection
from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.placement import library
from cryotools.anchors.sequence import SequenceFit, fit_sequences


def with_sequences(detection: Detection, sequences: Mapping[str, str]) -> tuple[Detection, list[SequenceFit]]:
    """The detection with what `sequences` (one-letter codes by name) say of its residues, and where these fit; warns if
    they fit nowhere, see `fit_sequences`.

    Raises
    ------
    DataError
        A sequence contains other letters than those of amino acids, or none is a protein's.
    """
    fits = fit_sequences(detection.residues, sequences)
    residues, fits = apply_sequences(detection.residues, fits, sequences)
    return replace(detection, residues=residues), fits


def apply_sequences(
    residues: DetectedResidues, fits: Sequence[SequenceFit], sequences: Mapping[str, str] | None
) -> tuple[DetectedResidues, list[SequenceFit]]:
    """The residues with what `fits` to `sequences` say of them, and the fits to the residues in their new order; None
    for `sequences` if they need not be all of the map's.

    Paths that fit better backwards are turned round (their types remain as seen in the frames of the other direction,
    whose second axis is the same). Types are `reweighted_types`. A residue that lies at its letter is there, whatever
    the map says: all 344 that were placed in two experimental maps lay within 3 Å of one of the model. So presence and
    confidence are 1 with the probability that it does, else the presence before, and the confidence before times the
    gain of the most probable type.

    If no fit is accepted, everything remains as it is.
    """
    fits = list(fits)
    if not any(one.accepted for one in fits):
        return residues, fits
    residues, fits = _turned(residues, fits)
    types = reweighted_types(residues, fits, sequences)
    letter, sure = _placed(residues, fits)
    alone = _with_composition(residues, sequences)
    each, best = np.arange(len(residues)), types.argmax(axis=1)
    place = np.minimum(residues.confidence / np.maximum(residues.types.max(axis=1), 1e-6), 1)
    confidence = (1 - sure) * place * alone[each, best] + sure * (best == letter)
    presence = (1 - sure) * residues.presence + sure
    changed = {"types": types, "presence": presence, "confidence": confidence}
    return replace(residues, **{key: value.astype(np.float32) for key, value in changed.items()}), fits


def reweighted_types(
    residues: DetectedResidues, fits: Sequence[SequenceFit], sequences: Mapping[str, str] | None
) -> np.ndarray:
    """The probabilities float64 (n, 20) of AMINO_ACIDS, given accepted `fits` of the residues to `sequences`.

    Each residue's own probabilities are multiplied by how much more frequent an amino acid is in the sequences than in
    the map as a whole, so that none is left that the sequences lack. A residue of an accepted stretch is of the
    sequence's type with the probability that it lies there. If no fit is accepted, the sequences may have nothing to do
    with the map, and the probabilities remain as they are.
    """
    if not any(one.accepted for one in fits):
        return residues.types.astype(np.float64)
    letter, sure = _placed(residues, fits)
    types = (1 - sure)[:, None] * _with_composition(residues, sequences)
    at = np.flatnonzero(letter >= 0)
    types[at, letter[at]] += sure[at]
    return types


def _placed(residues: DetectedResidues, fits: Sequence[SequenceFit]) -> tuple[np.ndarray, np.ndarray]:
    """The letter of each residue, int (n,), -1 for none, and the probability (n,) that it lies there."""
    letter, sure = np.full(len(residues), -1), np.zeros(len(residues))
    for one in fits:
        if one.accepted:
            letter[one.residues] = [AMINO_ACIDS.find(name) for name in one.letters]
            sure[one.residues] = one.sure
    return letter, np.where(letter >= 0, sure, 0.0)


def _with_composition(residues: DetectedResidues, sequences: Mapping[str, str] | None) -> np.ndarray:
    """Probabilities (n, 20) if amino acids are as frequent as in the sequences; None leaves them as they are."""
    if sequences is None:
        return residues.types.astype(np.float64)
    composition = library(sequences).composition
    types = residues.types.astype(np.float64) * composition / np.maximum(residues.types.mean(axis=0), 1e-6)
    total = types.sum(axis=1, keepdims=True)
    return np.where(total > 0, types / np.maximum(total, 1e-30), composition)


def _turned(residues: DetectedResidues, fits: list[SequenceFit]) -> tuple[DetectedResidues, list[SequenceFit]]:
    """Residues and fits after turning round the paths whose accepted stretches run backwards."""
    order, forward = np.arange(len(residues)), residues.forward.astype(np.float64)
    turned = set()
    for path in {one.path for one in fits if one.accepted}:
        at = np.flatnonzero(residues.path == path)
        mine = [one for one in fits if one.accepted and one.path == path]
        best = max(mine, key=lambda one: one.score)
        if sum(one.score if one.forward else -one.score for one in mine) < 0:
            turned.add(path)
            order[at] = at[::-1]
            forward[at] = 1 - forward[at]
        if best.forward != (path in turned):
            forward[at] = np.maximum(forward[at], best.posterior)
    place = np.append(np.argsort(order), -1)
    flipped = np.isin(residues.path, list(turned))
    before, after = (
        place[np.where(flipped, behind, ahead)[order]].astype(np.int32)
        for ahead, behind in ((residues.before, residues.after), (residues.after, residues.before))
    )
    moved = {field.name: getattr(residues, field.name)[order] for field in fields(residues)}
    moved |= {"before": before, "after": after, "forward": forward.astype(np.float32)}
    return DetectedResidues(**moved), [
        replace(one, residues=place[one.residues], forward=one.forward != (one.path in turned)) for one in fits
    ]
