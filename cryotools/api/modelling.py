"""Atomic models from Python: how good one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cryotools.api.arguments import VoxelSize
from cryotools.core.maps.maplike import MapLike, as_volume
from cryotools.core.structures.structurefile import StructureLike, as_structure

if TYPE_CHECKING:
    from cryotools.modelling.scoring.score import ModelScores


def score_model(
    structure: StructureLike,
    *,
    reference: StructureLike | None = None,
    volume: MapLike | np.ndarray | None = None,
    resolution: float | None = None,
    voxel_size: VoxelSize | None = None,
    superpose: bool = False,
    confidence: bool = False,
) -> ModelScores:
    """Scores of a protein model: its geometry, and its agreement with a reference and with a map.

    Parameters
    ----------
    reference : a model in the same frame: positions, chain direction, sequence, TM-score and lDDT are compared
    volume, resolution : a map, and its resolution in Å: Q-scores, and with the resolution correlations with the map
        that the model would make
    voxel_size : Å, of an array; replaces that of a file or a volume
    superpose : first bring the model onto the reference by their sequences
    confidence : judge the B factors of Cα atoms as confidences in per cent, against the reference

    Raises
    ------
    UsageError
        There is a resolution without a map, `superpose` or `confidence` without a reference, or an option is out of
        range.
    DataError
        A structure has no Cα, lies outside the map altogether, or cannot be superposed, or its B factors are no
        percentages.
    """
    from cryotools.modelling.scoring.score import score_structure

    return score_structure(
        as_structure(structure),
        reference=None if reference is None else as_structure(reference),
        volume=None if volume is None else as_volume(volume, voxel_size),
        resolution=resolution,
        superpose=superpose,
        confidence=confidence,
    )
