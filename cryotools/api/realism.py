"""The evaluation discriminator from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cryotools.api.arguments import Path, VoxelSize
from cryotools.core.maps.maplike import MapLike, as_volume
from cryotools.core.structures.structurefile import StructureLike, as_structure

if TYPE_CHECKING:
    from cryotools.realism.predict import Verdict


def judge_realism(
    volume: MapLike | np.ndarray,
    structure: StructureLike | None = None,
    *,
    voxel_size: VoxelSize | None = None,
    contour: float | None = None,
    weights: Path | None = None,
    device: str = "auto",
    precision: str = "fp32",
) -> Verdict:
    """How much of a map looks experimental to an independent discriminator, in all and residue by residue.

    Parameters
    ----------
    structure : judge the voxels near the atoms of this model
    voxel_size : Å, of an array; replaces that of a file or a volume
    contour : judge the voxels above this level; None takes it from the map's histogram
    weights : file of a discriminator made by train-disc

    Raises
    ------
    DataError
        Nothing exceeds the contour, the structure lies elsewhere, or the weights are missing or damaged.
    """
    from cryotools.core.compute.runner import Compute
    from cryotools.realism.predict import evaluate

    atoms = None if structure is None else as_structure(structure)
    compute = Compute(device, precision)
    density = as_volume(volume, voxel_size)
    return evaluate(density, atoms, contour=contour, weights=weights, compute=compute)
