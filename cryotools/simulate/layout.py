"""Placement of a simulated map's grid.

Unless the user sets it, a grid starts at a whole number of voxels from (0, 0, 0), so that the header can place it by
both ORIGIN and nstart, and every program overlays map and model.
"""

from __future__ import annotations

import warnings

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.volume import Grid, shape_of, triple_of
from cryotools.core.memory import check_grid_fits
from cryotools.core.structures.structure import Structure

_PADDING_RESOLUTIONS = 3.0  # margin around the atoms, in units of the resolution; molmap's default


def parse_box(text: str | None) -> tuple[int, int, int] | None:
    """`n` or `x,y,z` as counts of voxels (x, y, z).

    Raises
    ------
    UsageError
        The text is neither one nor three positive whole numbers.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, 3) or not all(part.isdecimal() and 0 < int(part) < 2**31 for part in parts):
        raise ArgumentError("box", text, "give one number of voxels, or three as x,y,z")
    return shape_of(int(part) for part in (parts if len(parts) == 3 else parts * 3))


def check_sampling(apix: float, resolution: float, *, given: bool = False) -> None:
    """Reject voxels larger than the resolution; warn if they are too large for it (Nyquist: half the resolution).

    Voxels `given` by another map are never rejected.

    Raises
    ------
    UsageError
        `apix` or `resolution`, both in Å, is not a positive finite number, or voxels exceed the resolution.
    """
    for name, value in (("apix", apix), ("resolution", resolution)):
        if not (np.isfinite(value) and value > 0):
            raise ArgumentError(name, value, "give a positive number of angstroms")
    if apix > resolution and not given:
        raise ArgumentError(
            "apix", f"{apix:g}", f"larger than the resolution, {resolution:g} A; use a third of it or less"
        )
    if apix > resolution / 2:
        warnings.warn(
            f"voxels of {apix:g} A are too large for a resolution of {resolution:g} A; {resolution / 3:.2g} A would do",
            CryotoolsWarning,
            stacklevel=3,
        )


def grid_around(structure: Structure, apix: float, resolution: float, box: tuple[int, int, int] | None = None) -> Grid:
    """A grid on whole multiples of `apix` Å, centred on the atoms' bounding box.

    Without `box` (x, y, z voxels) it leaves a margin of three times the resolution on every side.

    Raises
    ------
    DataError
        The grid would not fit into memory.
    """
    low, high = structure.bounds()
    if box is None:
        margin = _PADDING_RESOLUTIONS * resolution
        first = np.floor((low - margin) / apix)
        counts = np.ceil((high + margin) / apix) - first + 1
    else:
        counts = np.array(box)
        first = np.rint((low + high) / 2 / apix) - counts // 2
    return make_grid(counts, (apix,) * 3, first * apix)


def make_grid(counts: np.ndarray, voxel_size: tuple[float, float, float], origin: np.ndarray) -> Grid:
    """A grid of `counts` (x, y, z) voxels, after checking that it fits into memory."""
    if not (np.all(np.isfinite(counts)) and np.all(np.isfinite(origin))):
        raise UsageError("box dimensions overflow; check `apix`, `resolution` and the coordinates")
    shape = shape_of(np.asarray(counts)[::-1])
    check_grid_fits(shape)
    return Grid(shape, voxel_size, triple_of(origin))


def check_inside(structure: Structure, grid: Grid) -> None:
    """Reject a grid that contains no atom; warn if it contains only some.

    Raises
    ------
    DataError
        No atom lies inside `grid`: the map would be empty.
    """
    inside = int(grid.contains(structure.xyz).sum())
    if inside == 0:
        ends = grid.index_to_world(np.array(grid.shape[::-1]) - 1)
        box = " x ".join(f"{a:.1f}..{b:.1f}" for a, b in zip(grid.origin, ends, strict=True))
        raise DataError(
            f"{structure.name}: no atom lies inside the box ({box} A); centre the structure or move the box"
        )
    if inside < len(structure):
        warnings.warn(
            f"{structure.name}: {len(structure) - inside} of {len(structure)} atoms lie outside the box",
            CryotoolsWarning,
            stacklevel=3,
        )
