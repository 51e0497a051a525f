"""ChimeraX's `molmap` from the command line: its options, its grid, its values.

All atoms of the structure are used (waters, ligands, hydrogens, every alternate location) with their atomic number;
occupancy and B factors are ignored. docs/dropins.md lists the differences.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.maplike import MapLike, as_grid
from cryotools.core.maps.splat import SIGMA_PER_RESOLUTION, Gaussians, splat
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.selection import chosen
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import StructureLike, as_structure
from cryotools.simulate.classical.gaussians import unit_height
from cryotools.simulate.classical.symmetry import apply, operators, parse_axis, parse_point
from cryotools.simulate.layout import check_inside, make_grid


@dataclass(frozen=True)
class MolmapOptions:
    """The options of ChimeraX's command, lengths in Å.

    `grid_spacing` None is a third of the resolution, `edge_padding` None three times it; `on_grid` is a map or
    its grid; `cube` is None, "true" or a number of voxels; `symmetry` is a name for `simulate.classical.symmetry`,
    "biomt" or None, about `axis` through `centre`. `chains` are ids, `selection` is an expression for
    `core.structures.selection`; None selects everything. Without `skip_unknown` atoms of unknown element are an error.
    """

    resolution: float
    grid_spacing: float | None = None
    edge_padding: float | None = None
    cutoff_range: float = 5.0
    sigma_factor: float = SIGMA_PER_RESOLUTION
    on_grid: MapLike | Grid | None = None
    cube: str | None = None
    symmetry: str | None = None
    axis: str = "z"
    centre: str = "0,0,0"
    chains: tuple[str, ...] | None = None
    selection: str | None = None
    skip_unknown: bool = False


def molmap(source: StructureLike, options: MolmapOptions, progress: Progress | None = None) -> tuple[Volume, Structure]:
    """ChimeraX's `molmap` map of a structure, from a file or in memory, and its atoms (without symmetry copies).

    Raises
    ------
    UsageError
        An option is out of range, or two contradict each other.
    DataError
        The structure is invalid, or lies outside the requested grid.
    """
    _check(options)
    like = None if options.on_grid is None else as_grid(options.on_grid)
    structure = _choose(_read(source, options), options)
    copies = _copies(structure, options)
    grid = like or _grid(copies, options)
    check_inside(copies, grid)
    sigma = options.sigma_factor * options.resolution
    gaussians = Gaussians(copies.xyz, copies.element * unit_height(sigma), np.full(len(copies), sigma))
    return Volume.on(grid, splat(gaussians, grid, cutoff=options.cutoff_range, progress=progress)), structure


def _read(source: StructureLike, options: MolmapOptions) -> Structure:
    assembly = "first" if options.symmetry == "biomt" else None
    return as_structure(source, assembly=assembly, skip_unknown=options.skip_unknown)


def _choose(structure: Structure, options: MolmapOptions) -> Structure:
    """The atoms in the chains and the selection."""
    keep = chosen(structure, options.chains, options.selection)
    if not keep.any():
        raise DataError(f"{structure.name}: none of its {len(structure)} atoms is selected; widen the selection")
    return structure if keep.all() else structure[keep]


def _copies(structure: Structure, options: MolmapOptions) -> Structure:
    """The atoms under every symmetry operator."""
    if options.symmetry in (None, "biomt"):
        return structure
    group = operators(options.symmetry, parse_axis(options.axis), parse_point(options.centre))
    every = np.tile(np.arange(len(structure)), len(group))
    return structure[every].with_xyz(np.concatenate([apply(operator, structure.xyz) for operator in group]))


def _grid(structure: Structure, options: MolmapOptions) -> Grid:
    """ChimeraX's grid: centred exactly on the bounding box, so its origin is rarely a whole number of voxels."""
    step = options.grid_spacing or options.resolution / 3
    padding = 3 * options.resolution if options.edge_padding is None else options.edge_padding
    low, high = structure.bounds()
    counts = np.ceil((high - low + 2 * padding) / step)
    if options.cube == "true":
        counts = np.full(3, counts.max() + counts.max() % 2)
    elif options.cube is not None:
        counts = np.full(3, int(options.cube))
        step = options.grid_spacing or float((high - low + 2 * padding).max() / counts[0])
    counts = np.maximum(counts, 1)
    return make_grid(counts, (step,) * 3, (low + high) / 2 - 0.5 * (counts - 1) * step)


def _check(options: MolmapOptions) -> None:
    positive = {
        "resolution": options.resolution,
        "grid_spacing": options.grid_spacing,
        "cutoff_range": options.cutoff_range,
        "sigma_factor": options.sigma_factor,
    }
    for name, value in positive.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ArgumentError(name, value, "give a positive number")
    if options.edge_padding is not None and not (np.isfinite(options.edge_padding) and options.edge_padding >= 0):
        raise ArgumentError("edge_padding", options.edge_padding, "give 0 or a positive number of angstroms")
    if options.cube not in (None, "true") and not (options.cube.isdecimal() and 0 < int(options.cube) < 2**31):
        raise ArgumentError("cube", options.cube, "give true or a number of voxels")
    if options.on_grid is not None and (options.cube or options.grid_spacing or options.edge_padding is not None):
        raise UsageError("`on_grid` fixes the grid; leave out `cube`, `grid_spacing` and `edge_padding`")
    if (options.grid_spacing or 0) > options.resolution:
        warnings.warn(
            f"voxels of {options.grid_spacing:g} A are larger than the resolution of {options.resolution:g} A",
            CryotoolsWarning,
            stacklevel=3,
        )
