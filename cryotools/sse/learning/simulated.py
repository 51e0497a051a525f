"""Labelled maps simulated from structures, to give the network enough strands and nucleotides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.simulate.boxes import BoxStyle, Experiment, digest_boxes, keep_boxes, simulate_box, without_solvent
from cryotools.sse.learning.examples import ClassifierExample, make_classifier_example
from cryotools.sse.truth.assign import assign
from cryotools.training.store import ExampleStore

STYLE = BoxStyle()
_WAY = 3  # increase when the simulation changes; stored boxes are then not reused


def simulated_examples(
    structures: Sequence[Path], count: int, folder: Path, seed: int = 0, progress: Progress | None = None
) -> Sequence[ClassifierExample]:
    """`count` examples simulated from `structures`, stored in `folder`; see `simulate.boxes.keep_boxes`."""
    store = ExampleStore(ClassifierExample, folder)
    return keep_boxes(store, structures, count, simulated_example, way=_WAY, seed=seed, progress=progress)


def digest(structures: Sequence[Path], seed: int) -> str:
    """Eight characters that identify these structures in this order, the seed and the simulation method."""
    return digest_boxes(structures, seed, _WAY)


def simulated_example(
    structure: Structure,
    random: np.random.Generator,
    style: BoxStyle = STYLE,
    experiment: Experiment | None = None,
) -> ClassifierExample:
    """One random box simulated from `structure`; see `simulate.boxes.simulate_box`.

    Raises
    ------
    DataError
        The structure has no protein or nucleic acid.
    """
    structure = without_solvent(structure)
    residues = assign(structure)
    box = simulate_box(structure, random, residues.of_atom >= 0, style, experiment)
    residues = replace(residues, of_atom=residues.of_atom[box.atoms])
    return make_classifier_example(box.volume, box.density, box.structure, residues, box.resolution)
