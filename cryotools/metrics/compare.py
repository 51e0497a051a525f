"""All scores of a pair of maps, after resampling the second to the first's grid."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError
from cryotools.core.maps.distance import fade
from cryotools.core.maps.resample import resample, support
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import Structure
from cryotools.metrics.correlation import chimerax_correlation, chimerax_level, pearson, ssim, strong_part
from cryotools.metrics.fsc import ShellCorrelation, fourier_shell_correlation

_SMALLEST_AXIS = 7
_CLIPPED = 0.01  # ringing of a resampled mask is clipped without a warning
_LEAST_COVER = 0.5
_SOFT_EDGE = 3.0  # Å; a sharp mask would correlate with itself in the FSC


@dataclass(frozen=True)
class Region:
    """Region in which maps are compared: `weight` float32 (nz, ny, nx) from 0 to 1; None is the whole box."""

    weight: np.ndarray | None = None

    @property
    def inside(self) -> np.ndarray | slice:
        """Index of the voxels in the region."""
        return slice(None) if self.weight is None else self.weight > 0.5


@dataclass(frozen=True, eq=False)
class Comparison:
    """Scores of map B against map A; `contour` is the level in A above which ChimeraX's correlations are computed.

    An undefined score is NaN, for example for constant values, such as those of a mask above its contour.
    """

    correlation: float
    correlation_about_mean: float
    pcc: float
    ssim: float
    fsc: ShellCorrelation = field(repr=False)
    n_voxels: int
    contour: float

    def scores(self) -> dict[str, float | int | None]:
        """The scores by their names in CSV and JSON, None if undefined or, for a resolution, if the FSC never falls
        below the threshold.
        """
        found = {
            "correlation": self.correlation,
            "correlation_about_mean": self.correlation_about_mean,
            "pcc": self.pcc,
            "ssim": self.ssim,
            "fsc_0.5_A": self.fsc.resolution_at(0.5),
            "fsc_0.143_A": self.fsc.resolution_at(0.143),
            "n_voxels": self.n_voxels,
            "contour": self.contour,
        }
        return {name: None if score is None or math.isnan(score) else score for name, score in found.items()}


def compare_maps(
    a: Volume, b: Volume, *, contour: float | None = None, region: Region | None = None, method: str = "fourier"
) -> Comparison:
    """Compare `b` with `a`.

    Parameters
    ----------
    contour : level in `a` for ChimeraX's correlations; None means ChimeraX's default contour level for `a`
    region : voxels of `a`'s grid to compare
    method : how `b` is resampled to `a`'s grid (ChimeraX's correlations always interpolate linearly)

    Raises
    ------
    DataError
        A map is constant, the boxes do not overlap, or the region or contour leaves no voxels to compare.
    """
    region = region or Region()
    _refuse_unfit(a, b)
    on_a = resample(b, a.grid, method).data
    inside = region.inside
    level = chimerax_level(a.data) if contour is None else contour
    counted = np.zeros(a.data.shape, dtype=bool)
    counted[inside] = a.data[inside] >= level
    if not counted.any():
        raise DataError(
            f"no voxel of the first map in the compared region reaches the contour {level:g}; lower `contour`"
        )
    correlation, about_mean = chimerax_correlation(a.data[counted], _chimerax_values(a, b, counted))
    # strong_part uses the non-zero voxels, which must not include those that are non-zero only from ringing
    quiet = on_a if b.same_grid_as(a) else np.where(support(b, a.grid), on_a, 0)
    strong_a, strong_b = strong_part(_weighted(a.data, region)), strong_part(_weighted(quiet, region))
    return Comparison(
        correlation=correlation,
        correlation_about_mean=about_mean,
        pcc=pearson(strong_a, strong_b),
        ssim=ssim(strong_a, strong_b) if strong_a.any() and strong_b.any() else float("nan"),
        fsc=fourier_shell_correlation(_weighted(a.data, region), _weighted(on_a, region), a.voxel_size),
        n_voxels=int(a.data[inside].size),
        contour=level,
    )


def _chimerax_values(a: Volume, b: Volume, counted: np.ndarray) -> np.ndarray:
    """Values (m,) of `b` at the voxels of `a` that are `counted`, interpolated linearly as ChimeraX does."""
    if b.same_grid_as(a):
        return b.data[counted]
    return b.sample(a.grid.index_to_world(np.argwhere(counted)[:, ::-1]))


def region_from_mask(mask: Volume, grid_of: Volume) -> Region:
    """A region from a mask map: values below 0 and above 1 are clipped.

    Raises
    ------
    DataError
        The mask is on another grid, or selects nothing.
    """
    if not mask.same_grid_as(grid_of):
        raise DataError(
            "the mask is not on the first map's grid; make it there (ChimeraX: volume resample #mask onGrid #map)"
        )
    weight = np.clip(mask.data, 0, 1)
    if mask.data.min() < -_CLIPPED or mask.data.max() > 1 + _CLIPPED:
        extent = f"{mask.data.min():.3g} to {mask.data.max():.3g}"
        warnings.warn(f"the mask's values, {extent}, are clipped to 0 to 1", CryotoolsWarning, stacklevel=2)
    if not (weight > 0.5).any():
        raise DataError("the mask selects no voxels (no value is above 0.5)")
    return Region(weight)


def region_around(structure: Structure, grid_of: Volume, radius: float) -> Region:
    """The voxels within `radius` Å of an atom, with a soft edge of 3 Å beyond.

    Raises
    ------
    UsageError
        `radius` is not positive.
    DataError
        No atom lies inside the map's box.
    """
    if not (np.isfinite(radius) and radius > 0):
        raise ArgumentError("radius", f"{radius:g}", "give a positive number of angstroms")
    if not grid_of.grid.contains(structure.xyz).any():
        raise DataError(f"{structure.name}: no atom lies inside the map's box; check that the model belongs to the map")
    return Region(fade(grid_of.grid, structure.xyz, radius, radius + _SOFT_EDGE))


def _weighted(data: np.ndarray, region: Region) -> np.ndarray:
    return data if region.weight is None else data * region.weight


def _refuse_unfit(a: Volume, b: Volume) -> None:
    for which, volume in (("first", a), ("second", b)):
        if volume.data.min() == volume.data.max():
            raise DataError(f"the {which} map has no contrast (every voxel is {volume.data.flat[0]:g})")
    if min(a.data.shape) < _SMALLEST_AXIS:
        raise DataError(f"the first map is too thin to compare: it needs {_SMALLEST_AXIS} voxels along each axis")
    low = np.maximum(a.origin, b.origin)
    high = np.minimum(*(v.grid.index_to_world(np.array(v.data.shape[::-1]) - 1) for v in (a, b)))
    if np.any(high < low):
        raise DataError(f"the maps do not overlap: one begins at {_at(a)} A, the other at {_at(b)} A")
    edges = np.array(a.grid.size) - a.voxel_size
    covered = float(np.prod((high - low + 1e-6) / (edges + 1e-6)))
    if covered < _LEAST_COVER:
        warnings.warn(
            f"the second map covers {covered:.0%} of the first one's box; outside it is taken as 0",
            CryotoolsWarning,
            stacklevel=3,
        )


def _at(volume: Volume) -> str:
    return "(" + ", ".join(f"{v:.1f}" for v in volume.origin) + ")"
