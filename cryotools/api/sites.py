"""Binding sites in maps from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from cryotools.api.arguments import Path, VoxelSize
from cryotools.core.maps.maplike import MapLike, as_volume

if TYPE_CHECKING:
    from cryotools.sites.predict import LocatedSites


def locate_sites(
    volume: MapLike | np.ndarray,
    resolution: float | None = None,
    *,
    voxel_size: VoxelSize | None = None,
    weights: Path | None = None,
    rotations: Literal[1, 4, 24] = 1,
    device: str = "auto",
    precision: str = "fp32",
) -> LocatedSites:
    """Interfaces, ligand sites and contacts with nucleic acids in a map: probabilities on its own grid, and centres; of
    a model's residues with its `residues`, to which `sites.evidence.gather_evidence` adds what homologs tell.

    Parameters
    ----------
    resolution : Å; None where it is not known
    voxel_size : Å, of an array; replaces that of a file or a volume
    weights : file of a network made by train-sites
    rotations : average over so many rotations of the map, at as many times the cost

    Raises
    ------
    UsageError
        The resolution is not a positive number, or another option is out of range.
    DataError
        The map is constant, thinner than 6 Å or too large for the memory, or the weights are missing or damaged.
    """
    from cryotools.core.compute.runner import Compute
    from cryotools.sites.predict import SiteLocator

    locator = SiteLocator(weights, Compute(device, precision), rotations)
    return locator.locate(as_volume(volume, voxel_size), resolution)
