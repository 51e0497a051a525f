"""From a structure file to a map: choose atoms, lay the grid, fill it, add noise."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

from cryotools.core.errors import CryotoolsWarning, UsageError
from cryotools.core.mapfile import read_grid
from cryotools.core.memory import check_grid_fits
from cryotools.core.progress import Progress
from cryotools.core.structure import Structure
from cryotools.core.volume import Grid, Volume
from cryotools.simulate.atoms import AtomChoice, choose_atoms
from cryotools.simulate.layout import check_inside, check_sampling, grid_around, parse_box
from cryotools.simulate.methods import DEFAULT_METHOD, METHODS, MapOptions

_DEFAULT_APIX = 1.0


@dataclass(frozen=True)
class GridChoice:
    """Where the map lies: voxels of `apix` Å (None is 1), in a `box`, or on the grid of the map `like`; `center` moves
    the atoms' centre of weight to (0, 0, 0).
    """

    apix: float | None = None
    box: str | None = None
    center: bool = False
    like: str | None = None


@dataclass(frozen=True)
class Simulation:
    """Everything `struc2map` needs to know but the structure."""

    options: MapOptions
    method: str = DEFAULT_METHOD
    atoms: AtomChoice = field(default_factory=AtomChoice)
    grid: GridChoice = field(default_factory=GridChoice)
    noise: float = 0.0
    seed: int = 0


def struc2map(path: str, simulation: Simulation, progress: Progress | None = None) -> tuple[Volume, Structure]:
    """The simulated map of the structure file `path`, and the atoms that went into it.

    Raises
    ------
    UsageError
        Options contradict each other or are out of range.
    DataError
        The file is broken, nothing is selected, or the box holds no atoms.
    """
    parse_box(simulation.grid.box)
    like = read_grid(simulation.grid.like) if simulation.grid.like else None
    structure = choose_atoms(path, simulation.atoms)
    if simulation.grid.center:
        structure = centred(structure, simulation.options)
    grid = _lay_grid(structure, simulation, like)
    check_inside(structure, grid)
    data = METHODS[simulation.method](structure, grid, simulation.options, progress)
    if simulation.noise:
        data = add_noise(data, structure, grid, simulation.noise, simulation.seed)
    return Volume.on(grid, data), structure


def centred(structure: Structure, options: MapOptions) -> Structure:
    """The structure with its centre of weight at (0, 0, 0)."""
    weight = structure.element * (structure.occupancy if options.occupancy else 1.0)
    weight = weight if np.any(weight) else np.ones(len(structure))
    shift = np.average(structure.xyz, axis=0, weights=weight)
    warnings.warn(
        f"{structure.name}: --center moves the atoms by ({', '.join(f'{-v:.2f}' for v in shift)}) A; "
        "the map does not overlay the file",
        CryotoolsWarning,
        stacklevel=3,
    )
    return structure.with_xyz(structure.xyz - shift)


def add_noise(data: np.ndarray, structure: Structure, grid: Grid, level: float, seed: int) -> np.ndarray:
    """White Gaussian noise added to `data`; its standard deviation is `level` × the mean density at the atoms."""
    if not (np.isfinite(level) and level > 0):
        raise UsageError(f"--noise {level}: give a positive number")
    at_atoms = Volume.on(grid, data).sample(structure.xyz[grid.contains(structure.xyz)])
    noise = np.random.default_rng(seed).standard_normal(data.shape, dtype=np.float32)
    noise *= np.float32(level * at_atoms.mean())
    noise += data
    return noise


def _lay_grid(structure: Structure, simulation: Simulation, like: Grid | None) -> Grid:
    choice, resolution = simulation.grid, simulation.options.resolution
    if like is not None:
        if choice.box or choice.apix is not None:
            raise UsageError("--like fixes the grid; leave out --box and --apix")
        check_sampling(max(like.voxel_size), resolution, given=True)
        check_grid_fits(like.shape)
        return like
    apix = _DEFAULT_APIX if choice.apix is None else choice.apix
    check_sampling(apix, resolution)
    return grid_around(structure, apix, resolution, parse_box(choice.box))
