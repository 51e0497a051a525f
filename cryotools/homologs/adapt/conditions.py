"""How a map looks to a network: its fall-off, noise and mask, measured in the prepared form."""

from __future__ import annotations

from dataclasses import dataclass

from cryotools.core.errors import ArgumentError
from cryotools.core.maps import soften
from cryotools.core.maps.check import check_values, check_voxels
from cryotools.core.maps.prepare import prepare_map, stands_out
from cryotools.core.maps.volume import Volume

RANGE = (1.5, 10.0)  # Å; the networks and simulators were trained from 1.7 to 8.5
_FEWEST = 5000  # voxels of solvent


@dataclass(frozen=True)
class QueryConditions:
    """What maps of homologs should have in common with a map.

    Attributes
    ----------
    resolution, voxel_size : Å, the largest voxel size of the three axes
    slope : Å², d ln(amplitude) / d(s²/4) of the prepared map (`core.maps.soften`); NaN if it cannot be measured
    noise : standard deviation of the prepared map in solvent, in units of the molecule density; NaN if the map has no
        solvent, or a masked one
    masked : many voxels have one exact value
    """

    resolution: float
    voxel_size: float
    slope: float
    noise: float
    masked: bool


def query_conditions(volume: Volume, resolution: float) -> QueryConditions:
    """The conditions of a map of the given `resolution` in Å.

    Raises
    ------
    DataError
        The map is constant, has no density above its background, or is too small.
    UsageError
        The resolution is not between 1.5 and 10 Å.
    """
    check_simulated_resolution(resolution)
    check_voxels(volume)
    prepared = prepare_map(volume, resolution, check_values(volume))
    data, voxel = prepared.volume.data, max(volume.voxel_size)
    solvent = data[~stands_out(data)]
    masked = prepared.levels.filling is not None
    noise = float(solvent.std()) if len(solvent) >= _FEWEST and not masked else float("nan")
    return QueryConditions(resolution, float(voxel), soften.slope(data, resolution, voxel), noise, masked)


def check_simulated_resolution(resolution: float) -> None:
    """Raise UsageError outside the range in which homologs can be simulated."""
    if not RANGE[0] <= resolution <= RANGE[1]:
        raise ArgumentError("resolution", resolution, f"homologs are simulated at {RANGE[0]:g} to {RANGE[1]:g} A")
