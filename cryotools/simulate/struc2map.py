"""From a structure file to a map: choose atoms, set the sharpness, lay the grid, fill it, add noise."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError, UsageError, check_choice
from cryotools.core.maps.maplike import MapLike, as_grid, as_volume
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.memory import check_grid_fits
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import StructureLike
from cryotools.simulate.atoms import AtomChoice, choose_atoms
from cryotools.simulate.classical.formulas import MapOptions
from cryotools.simulate.layout import check_inside, check_sampling, grid_around, parse_box
from cryotools.simulate.learned.sharpness import LIMITS, measure_sharpness
from cryotools.simulate.methods import CLASSICAL, DEFAULT_METHOD, METHODS
from cryotools.simulate.noise import add_noise, half_maps

_DEFAULT_APIX = 1.0
_OVERLAID = 0.5  # standard deviations of the map; experimental maps have 1.2 or more at their atoms


@dataclass(frozen=True)
class GridChoice:
    """The map's grid: voxels of `apix` Å (None is 1), in a `box`, or the grid of the map `like`; `center` moves the
    atoms' centre of mass to (0, 0, 0).
    """

    apix: float | None = None
    box: str | None = None
    center: bool = False
    like: MapLike | Grid | None = None


@dataclass(frozen=True)
class Simulation:
    """Everything that `struc2map` needs apart from the structure.

    `match` is a map whose sharpness is matched; `noise` a level of white noise; with `half_maps` the map is the mean
    of two half maps with independent noise. `samples` more maps are drawn from the latent of the vae-gan.
    """

    options: MapOptions
    method: str = DEFAULT_METHOD
    atoms: AtomChoice = field(default_factory=AtomChoice)
    grid: GridChoice = field(default_factory=GridChoice)
    noise: float = 0.0
    half_maps: bool = False
    samples: int = 0
    match: MapLike | None = None
    seed: int = 0


@dataclass(frozen=True)
class Simulated:
    """A map, the `atoms` that went into it, its `sharpness` in Å² if set, its half maps and samples."""

    volume: Volume
    atoms: Structure
    sharpness: float | None = None
    halves: tuple[Volume, ...] = ()
    samples: tuple[Volume, ...] = ()


def struc2map(source: StructureLike, simulation: Simulation, progress: Progress | None = None) -> Simulated:
    """The simulated map of the structure `source`, read from a file or in memory.

    Raises
    ------
    UsageError
        Options contradict each other or are out of range.
    DataError
        The file is invalid, nothing is selected, the box contains no atoms, or the map to match does not overlap them.
    """
    check_choices(simulation)
    like = None if simulation.grid.like is None else as_grid(simulation.grid.like)
    options = simulation.options
    as_read = choose_atoms(source, simulation.atoms)
    structure = centred(as_read, options) if simulation.grid.center else as_read
    grid = _lay_grid(structure, simulation, like)
    check_inside(structure, grid)
    if simulation.match is not None:
        options = replace(options, sharpness=_sharpness_of(simulation.match, as_read, options.resolution))
    method = METHODS[simulation.method]
    data = method(structure, grid, options, progress)
    seeds = range(simulation.seed + 1, simulation.seed + 1 + simulation.samples)
    samples = [Volume.on(grid, method(structure, grid, replace(options, sample=seed), progress)) for seed in seeds]
    halves: tuple[Volume, ...] = ()
    if simulation.half_maps:
        first, second, data = half_maps(data, grid.voxel_size, options.resolution, simulation.seed)
        halves = Volume.on(grid, first), Volume.on(grid, second)
    elif simulation.noise:
        data = add_noise(data, structure, grid, simulation.noise, simulation.seed)
    return Simulated(Volume.on(grid, data), structure, options.sharpness, halves, tuple(samples))


def centred(structure: Structure, options: MapOptions) -> Structure:
    """The structure with its centre of mass at (0, 0, 0)."""
    weight = structure.element * (structure.usable_occupancy() if options.occupancy else 1.0)
    weight = weight if np.any(weight) else np.ones(len(structure))
    shift = np.average(structure.xyz, axis=0, weights=weight)
    warnings.warn(
        f"{structure.name}: `center` moves the atoms by ({', '.join(f'{-v:.2f}' for v in shift)}) A; "
        "the map does not overlay the input model",
        CryotoolsWarning,
        stacklevel=3,
    )
    return structure.with_xyz(structure.xyz - shift)


def check_choices(simulation: Simulation) -> None:
    """Reject invalid options before anything is read.

    Raises
    ------
    UsageError
        Options contradict each other or are out of range.
    """
    check_choice("method", simulation.method, METHODS)
    parse_box(simulation.grid.box)
    low, high = LIMITS
    sharpness = simulation.options.sharpness
    if sharpness is not None:
        if simulation.match is not None:
            raise UsageError("`match` takes the sharpness from a map; leave out `sharpness`")
        if not low <= sharpness <= high:
            raise ArgumentError("sharpness", f"{sharpness:g}", f"give a number from {low:g} to {high:g} A^2")
    if not (np.isfinite(simulation.noise) and simulation.noise >= 0):
        raise ArgumentError("noise", simulation.noise, "give 0 or a positive number")
    if simulation.samples and simulation.method != "vae-gan":
        raise UsageError("`samples` are drawn from the latent space of the vae-gan; add `method='vae-gan'`")
    if simulation.options.network and simulation.method in CLASSICAL:
        raise UsageError(f"`network` is for the learned methods; {simulation.method} uses none")
    if simulation.options.precision not in (MapOptions(1.0).precision, "auto") and simulation.method in CLASSICAL:
        raise UsageError(f"`precision` is for the learned methods; {simulation.method} computes in float32")
    if simulation.options.weights != MapOptions(1.0).weights and simulation.method not in CLASSICAL:
        raise UsageError("`weights` are for the classical methods; add `method='molmap'` or `method='pdb2mrc'`")
    if simulation.half_maps and simulation.noise:
        raise UsageError("`half_maps` have their own noise; leave out `noise`")


def _sharpness_of(match: MapLike, structure: Structure, resolution: float) -> float:
    volume = as_volume(match)
    above = volume.sample(structure.xyz).mean() - volume.data.mean()
    if above < _OVERLAID * volume.data.std():
        name = "the map to match" if isinstance(match, Volume) else match
        raise DataError(
            f"{name}: does not overlap {structure.name}: the density at its atoms is no higher than the map's average"
        )
    return measure_sharpness(volume, structure, resolution)


def _lay_grid(structure: Structure, simulation: Simulation, like: Grid | None) -> Grid:
    choice, resolution = simulation.grid, simulation.options.resolution
    if like is not None:
        if choice.box or choice.apix is not None:
            raise UsageError("`like` fixes the grid; leave out `box` and `apix`")
        check_sampling(max(like.voxel_size), resolution, given=True)
        check_grid_fits(like.shape)
        return like
    apix = _DEFAULT_APIX if choice.apix is None else choice.apix
    check_sampling(apix, resolution)
    return grid_around(structure, apix, resolution, parse_box(choice.box))
