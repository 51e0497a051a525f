"""Secondary structure of maps from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from cryotools.api.arguments import Path, VoxelSize
from cryotools.core.errors import UsageError
from cryotools.core.maps.maplike import MapLike, as_volume

if TYPE_CHECKING:
    from cryotools.sse.predict import Annotation


def annotate_sse(
    volume: MapLike | np.ndarray,
    resolution: float | None = None,
    *,
    voxel_size: VoxelSize | None = None,
    weights: Path | None = None,
    rotations: Literal[1, 4, 24] = 1,
    bias: float = 0.0,
    homologs: Path | None = None,
    method: Literal["dock", "both", "finetune"] = "dock",
    device: str = "auto",
    precision: str = "fp32",
) -> Annotation:
    """Helices, sheets and nucleotides in a map: probabilities and labels on its own grid, and its elements.

    Parameters
    ----------
    resolution : Å; None where it is not known
    voxel_size : Å, of an array; replaces that of a file or a volume
    weights : file of a network made by train-sse
    rotations : average over so many rotations of the map, at as many times the cost
    homologs : folder of homologs that help, made by find-homologs or of structures; it needs the resolution
    method : dock them and put their classes in the place of the network's, or multiply both, or fine-tune the network
    bias : logit bias of helix, sheet and nucleotide: above 0 finds more of them, below 0 fewer

    Raises
    ------
    UsageError
        The resolution is not a positive number, or another option is out of range.
    DataError
        The map is constant, thinner than 6 Å or too large for the memory, or the weights are missing or damaged.
    """
    from cryotools.core.compute.runner import Compute
    from cryotools.sse.predict import Annotator

    compute, given = Compute(device, precision), as_volume(volume, voxel_size)
    if homologs is None:
        return Annotator(weights, compute, rotations, bias).annotate(given, resolution)
    if resolution is None:
        raise UsageError("homologs need the map's resolution; give `resolution`")
    from cryotools.homologs.annotate import annotate_with_homologs
    from cryotools.homologs.structures import homolog_structures

    known = homolog_structures(homologs)
    options = {"weights": weights, "compute": compute, "rotations": rotations, "bias": bias}
    return annotate_with_homologs(given, resolution, known, method=method, **options).annotation  # type: ignore[arg-type]
