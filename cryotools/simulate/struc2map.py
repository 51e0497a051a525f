"""From a structure file to a map: choose atoms, lay the grid, fill it, add noise."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.mapfile import read_grid
from cryotools.core.memory import check_grid_fits
from cryotools.core.progress import Progress
from cryotools.core.selection import select
from cryotools.core.structure import WATER, Structure
from cryotools.core.structurefile import read_structure
from cryotools.core.volume import Grid, Volume
from cryotools.simulate.layout import check_inside, check_sampling, grid_around, parse_box
from cryotools.simulate.methods import DEFAULT_METHOD, METHODS, MapOptions

_DEFAULT_APIX = 1.0


@dataclass(frozen=True)
class AtomChoice:
    """Which atoms of a file become density.

    `model` is a number, "first" or "all"; `chains` a tuple of ids; `selection` a text for `core.selection`;
    `altloc` is "all", "highest" (the most occupied of each atom) or a letter.
    """

    model: str = "first"
    assembly: str | None = None
    chains: tuple[str, ...] = ()
    selection: str | None = None
    hydrogens: bool = True
    waters: bool = False
    altloc: str = "all"
    skip_unknown: bool = False


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


def choose_atoms(path: str, choice: AtomChoice) -> Structure:
    """Read `path` and keep what `choice` asks for.

    Raises
    ------
    DataError
        Nothing is left, or a chain asked for does not exist.
    """
    model = choice.model if choice.model in ("first", "all") else _model_number(choice.model)
    structure = read_structure(path, model=model, assembly=choice.assembly, skip_unknown=choice.skip_unknown)
    keep = np.ones(len(structure), dtype=bool)
    if choice.chains:
        keep &= in_chains(structure, choice.chains)
    if choice.selection:
        keep &= select(structure, choice.selection)
    if not choice.hydrogens:
        keep &= structure.element != 1
    if not choice.waters:
        keep &= structure.kind != WATER
    keep &= _altloc_mask(structure, choice.altloc)
    if not keep.any():
        raise DataError(f"{path}: none of its {len(structure)} atoms is selected; loosen the selection")
    return structure if keep.all() else structure[keep]


def in_chains(structure: Structure, chains: tuple[str, ...]) -> np.ndarray:
    """Mask of the atoms in `chains`; copies that an assembly made (A2 of A) go with their original only by name.

    Raises
    ------
    DataError
        A chain does not exist.
    """
    present = set(np.unique(structure.chain).tolist())
    wanted = {"" if chain == "_" else chain for chain in chains}
    missing = sorted(wanted - present)
    if missing:
        there = ", ".join(sorted(chain or "_" for chain in present)[:20])
        raise DataError(f"{structure.name}: has no chain {', '.join(missing)}; it has {there}")
    return np.isin(structure.chain, sorted(wanted))


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


def _model_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--model {text}: give a number, 'first' or 'all'") from None


def _altloc_mask(structure: Structure, altloc: str) -> np.ndarray:
    if altloc not in ("all", "highest") and len(altloc) != 1:
        raise UsageError(f"--altloc {altloc}: give all, highest or a letter")
    plain = structure.altloc == ""
    if altloc == "all" or plain.all():
        return np.ones(len(structure), dtype=bool)
    if altloc != "highest":
        return plain | (structure.altloc == altloc)
    # per residue and atom name the most occupied location, the first listed where they tie
    order = np.argsort(-structure.occupancy, kind="stable")
    keys = np.rec.fromarrays([structure.residue_index()[order], structure.atom_name[order]])
    _, first = np.unique(keys, return_index=True)
    mask = plain.copy()
    mask[order[first]] = True
    return mask
