"""Boxes simulated from structures, with the residues in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryotools.anchors.labels import residue_truth
from cryotools.anchors.learning.examples import COARSEST, ResidueExample, make_residue_example
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import NUCLEIC, PROTEIN, Structure
from cryotools.core.structures.structurelist import stem
from cryotools.simulate.boxes import BoxStyle, Experiment, keep_boxes, simulate_box, without_solvent
from cryotools.training.store import ExampleStore

WAY = "residues-1"  # change it when the simulation changes; stored boxes are then not reused
STYLE = BoxStyle(finer=(1.8, 3.6), coarser=(3.6, COARSEST), fine=0.75, learned=0.35, mobile=0.5)


def residue_boxes(
    structures: Sequence[Path], count: int, folder: Path, seed: int = 0, progress: Progress | None = None
) -> Sequence[ResidueExample]:
    """`count` boxes simulated from `structures`, stored in `folder`; see `simulate.boxes.keep_boxes`."""
    store = ExampleStore(ResidueExample, folder)
    return keep_boxes(store, structures, count, residue_box, way=WAY, seed=seed, progress=progress)


def residue_box(
    structure: Structure,
    random: np.random.Generator,
    style: BoxStyle = STYLE,
    experiment: Experiment | None = None,
) -> ResidueExample:
    """One random box simulated from `structure`; see `simulate.boxes.simulate_box`.

    Raises
    ------
    DataError
        The structure has no protein or nucleic acid.
    """
    structure = without_solvent(structure)
    residue_truth(structure)  # raises if there is none
    box = simulate_box(structure, random, np.isin(structure.kind, (PROTEIN, NUCLEIC)), style, experiment)
    truth = residue_truth(box.structure)
    return make_residue_example(box.volume.grid, box.density, truth, box.resolution, stem(structure.name))
