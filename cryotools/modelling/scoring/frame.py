"""Whether a model and its reference are in one frame, and how to bring them into one."""

from __future__ import annotations

import warnings

import numpy as np

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError
from cryotools.core.structures.structure import Structure
from cryotools.modelling.scoring.agreement import RADII, Agreement
from cryotools.modelling.scoring.superpose import Superposition, by_sequence
from cryotools.modelling.scoring.trace import ModelTrace

_ELSEWHERE = 0.2  # fraction of Cα matched, of model and reference, below which they may not be in one frame
_SAME = 5.0  # Å rmsd, up to which two models are of one molecule


def onto_reference(structure: Structure, model: ModelTrace, reference: ModelTrace) -> Structure:
    """The structure of the trace `model` superposed on the reference by their sequences, which a note tells.

    Raises
    ------
    DataError
        They share no sequence.
    """
    motion = by_sequence(model, reference)
    if motion is None:
        raise DataError(f"{structure.name}: has fewer than twenty residues in common with the reference's sequences")
    text = f"{structure.name}: superposed on the reference: {_motion_words(motion, model)}"
    warnings.warn(text, CryotoolsNote, stacklevel=3)
    return structure.with_xyz(motion.apply(structure.xyz))


def warn_if_elsewhere(found: Agreement, model: ModelTrace, reference: ModelTrace, name: str) -> None:
    """Warn if model and reference hardly overlap, and say how they would if their sequences tell."""
    if max(found.recall[-1], found.precision[-1]) >= _ELSEWHERE:
        return
    here = f"{name}: only {len(found.matching)} of {len(model)} CA atoms lie within {RADII[-1]:g} Å of the reference's"
    motion, advice = by_sequence(model, reference), "check that both are in one frame"
    if motion is not None and motion.rmsd <= _SAME:
        here += f": it is in another frame ({_motion_words(motion, model)} brings it there)"
        advice = "add `superpose=True` to compare it there"
    warnings.warn(f"{here}; {advice}", CryotoolsWarning, stacklevel=3)


def _motion_words(motion: Superposition, model: ModelTrace) -> str:
    centre = model.ca.mean(axis=0, keepdims=True)
    shift = float(np.linalg.norm(motion.apply(centre) - centre))
    return f"a turn of {motion.degrees:.1f}° and a shift of {shift:.1f} Å, to {motion.rmsd:.2f} Å rmsd"
