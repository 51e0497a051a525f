"""Boxes cut from randomly oriented structures and simulated to look experimental, for labelling.

The map of a box is made by the learned simulator or by molmap, at a random resolution, and degraded as real maps are
(`training.augment`). Atoms just outside the box are included, so density does not stop at its faces. Labelling is left
to each system, which supplies a function that makes a labelled example from a structure by calling `simulate_box`.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps import soften
from cryotools.core.maps.distance import distance_to_points
from cryotools.core.maps.levels import find_levels
from cryotools.core.maps.prepare import PREPARED_RANGE
from cryotools.core.maps.resample import SPACING
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Grid, Volume, triple_of
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import NUCLEIC, WATER, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.learned.inputs import Condition, density_channels, simulator_conditions, with_condition
from cryotools.simulate.learned.predict import load_generator
from cryotools.simulate.learned.sharpness import envelope
from cryotools.simulate.mobility import mobile_density
from cryotools.training.augment import DISTANT, blurred_unevenly, masked, random_end, with_noise
from cryotools.training.store import Example, ExampleStore, Kept

MakeExample = Callable[[Structure, np.random.Generator], Example]
Experiment = Callable[[np.ndarray, np.ndarray, float, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Degrades a clean map (nz, ny, nx), given the distance of each voxel to the nearest atom and the resolution in Å: the
map in the form of `core.maps.prepare` without noise, and with noise and a mask.
"""

BOX = 64  # voxels along a box's edge
_MARGIN = 8  # extra voxels on each side; the network's padding may spoil some
REACH = 5.0  # Å beyond the box from which atoms contribute
_BROADER = (0.8, 1.5)  # × the resolution, for molmap
_SHARPNESS = (-100.0, 200.0)  # Å²
_ABOVE_STANDARD = (0.0, 100.0)  # Å²; a slope is overestimated in a box whose faces cut the molecule
_NUCLEIC = 0.6  # fraction of a complex's boxes that are around a nucleotide


@dataclass(frozen=True)
class BoxStyle:
    """How boxes are made.

    Attributes
    ----------
    finer, coarser : ranges of resolution in Å; a fraction `fine` of the boxes is in the first
    learned, mobile : fractions made by the learned simulator, and by Gaussians that are wider for more mobile atoms
        (`simulate.mobility`); the rest use molmap, at a rescaled resolution
    """

    finer: tuple[float, float] = (2.0, 4.5)
    coarser: tuple[float, float] = (4.5, 8.5)
    fine: float = 0.6
    learned: float = 0.7
    mobile: float = 0.0


@dataclass(frozen=True)
class SimulatedBox:
    """A box of 64 Å in the prepared form (`core.maps.prepare`).

    Attributes
    ----------
    volume : the map without noise or mask
    density : float32 (64, 64, 64), the map with noise and mask, as from an experiment
    structure : the atoms that contribute to it, rotated with it
    atoms : int (n,), their indices in the structure that the box was cut from
    resolution : Å
    """

    volume: Volume
    density: np.ndarray
    structure: Structure
    atoms: np.ndarray
    resolution: float


def without_solvent(structure: Structure) -> Structure:
    """The first model's atoms, without waters and hydrogens: those used for boxes."""
    structure = structure[(structure.kind != WATER) & (structure.element != 1)]
    return structure[structure.model == structure.model[0]]


def simulate_box(
    structure: Structure,
    random: np.random.Generator,
    around: np.ndarray | None = None,
    style: BoxStyle = BoxStyle(),
    experiment: Experiment | None = None,
) -> SimulatedBox:
    """A random box of `structure`, around one of the atoms in the mask `around` (n,); None means all atoms. It is
    degraded by `experiment`, None for one that covers what experiments do.

    Raises
    ------
    DataError
        The mask is empty.
    """
    around = np.ones(len(structure), dtype=bool) if around is None else around
    if not around.any():
        raise DataError(f"{structure.name}: has nothing that a box could be cut around")
    centred = structure.xyz - structure.xyz.mean(axis=0)
    structure = structure.with_xyz(centred @ Rotation.random(random_state=random.integers(2**31)).as_matrix().T)
    grid = _box(structure, around, random)
    atoms = np.flatnonzero(reaching(grid, structure.xyz))
    part = structure[atoms]
    resolution = float(random.uniform(*(style.finer, style.coarser)[int(random.random() > style.fine)]))
    clean = _clean(part, grid, resolution, random, style)
    volume, density = degraded_box(clean, grid, part.xyz, resolution, random, experiment)
    return SimulatedBox(volume, density, part, atoms, resolution)


def reaching(grid: Grid, xyz: np.ndarray) -> np.ndarray:
    """Mask (n,) of the positions in a box and at most `REACH` beyond its faces."""
    low, high = np.array(grid.origin) - REACH, np.array(grid.origin) + np.array(grid.shape[::-1]) + REACH
    return np.all((xyz > low) & (xyz < high), axis=1)


def degraded_box(
    clean: np.ndarray,
    grid: Grid,
    xyz: np.ndarray,
    resolution: float,
    random: np.random.Generator,
    experiment: Experiment | None = None,
) -> tuple[Volume, np.ndarray]:
    """A clean map on a grid of `box_grid`, its atoms at `xyz` (n, 3), degraded as experiments do, without its margin:
    the map without noise or mask, and with both (64, 64, 64).
    """
    degrade = experiment or _as_experiments_give
    smooth, density = degrade(clean, distance_to_points(grid, xyz, DISTANT), resolution, random)
    start, shape = (_MARGIN,) * 3, (BOX,) * 3
    return Volume.on(grid, smooth).crop(start, shape), Volume.on(grid, density).crop(start, shape).data


def box_grid(middle: np.ndarray, random: np.random.Generator) -> Grid:
    """The voxels of a box and its margin around a position (3,) in Å, shifted by up to half a voxel at random."""
    size = BOX + 2 * _MARGIN
    origin = np.rint(middle - size / 2) + random.uniform(-0.5, 0.5, 3)
    return Grid((size,) * 3, (SPACING,) * 3, triple_of(origin))


def keep_boxes(
    store: ExampleStore[Example],
    structures: Sequence[str | os.PathLike[str]],
    count: int,
    make: MakeExample[Example],
    *,
    way: int | str = 1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Kept[Example]:
    """`count` examples made by `make` from `structures`, used equally often; only those missing in the store are made.

    Example number i is the same whatever the count. It is stored under a name derived from its source, so it is never
    reused for other structures, another seed or another `way` to make it. Unusable structures are named in a warning
    and replaced by others. The processes of torchrun share the work, and all of them read all examples.

    Raises
    ------
    DataError
        No structure can be used, or the store cannot be written to.
    """
    name = digest_boxes(structures, seed, way)
    order = np.random.default_rng(seed).permutation(len(structures))

    def made(number: int) -> Iterator[Example]:
        turn = [structures[order[(number + later) % len(order)]] for later in range(len(order))]
        yield _first_usable(turn, make, np.random.default_rng([seed, number]))

    makers = {f"{name}-{number:05d}": partial(made, number) for number in range(count)}
    store.fill(makers, progress, "simulating")
    return store.all(makers)


def digest_boxes(structures: Sequence[str | os.PathLike[str]], seed: int, way: int | str) -> str:
    """Eight-character digest of these structures in this order, the seed and the way to make examples from them."""
    paths = [Path(path) for path in structures]
    facts = [way, seed, *((path.name, path.stat().st_size if path.exists() else 0) for path in paths)]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:8]


def _first_usable(
    structures: Sequence[str | os.PathLike[str]], make: MakeExample[Example], random: np.random.Generator
) -> Example:
    for path in structures:
        try:
            return make(read_structure(path), random)
        except DataError as error:
            warnings.warn(f"{error}; another structure is used instead", CryotoolsWarning, stacklevel=2)
    raise DataError(f"none of {len(structures)} structures can be simulated")


def _box(structure: Structure, around: np.ndarray, random: np.random.Generator) -> Grid:
    """A box around an atom, shifted towards the molecule's centre so that it is well filled."""
    nucleic = around & (structure.kind == NUCLEIC)
    if nucleic.any() and random.random() < _NUCLEIC:
        around = nucleic
    at = np.flatnonzero(around)
    return box_grid(0.8 * structure.xyz[at[random.integers(len(at))]], random)


def _as_experiments_give(
    clean: np.ndarray, distance: np.ndarray, resolution: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A clean map, degraded and in the form of `core.maps.prepare`: without noise, and with noise and a mask."""
    shells = Shells(clean.shape, (SPACING,) * 3)
    end = random_end(shells, resolution, random)
    smooth = shells.scale(blurred_unevenly(clean, resolution, random), end)
    smooth /= box_strength(smooth)
    noisy = with_noise(smooth, distance, end, random)
    blur = soften.blur_needed(noisy, resolution, SPACING, soften.STANDARD + random.uniform(*_ABOVE_STANDARD))
    if blur > 0:
        smooth, noisy = soften.blurred(smooth, blur), soften.blurred(noisy, blur)
        strength = box_strength(smooth)
        smooth, noisy = smooth / strength, noisy / strength
    return smooth, np.clip(masked(noisy, distance, random), *PREPARED_RANGE)


def box_strength(data: np.ndarray) -> np.float32:
    """The molecule density of a cubic box with background 0, even if the box contains no background."""
    around = np.pad(data, data.shape[0] // 4)
    return np.float32(find_levels(Volume(around, (SPACING,) * 3)).strength)


def _clean(
    structure: Structure, grid: Grid, resolution: float, random: np.random.Generator, style: BoxStyle
) -> np.ndarray:
    """The map of a random method, without noise; 0 far from atoms."""
    method = random.random()
    if style.learned <= method < style.learned + style.mobile:
        return mobile_density(structure, grid, resolution, random)
    if method >= style.learned:
        options = MapOptions(resolution * random.uniform(*_BROADER), occupancy=False)
        data = molmap_density(structure, grid, options)
        return data / np.float32(max(np.percentile(data, 99), 1e-6))
    sharpness = float(random.uniform(*_SHARPNESS)) if random.random() < 0.5 else None
    condition = Condition(resolution, bool(random.random() < 0.5), sharpness)
    channels = with_condition(density_channels(structure, grid, resolution), condition)
    generator = load_generator()
    with torch.inference_mode():
        made = generator(torch.from_numpy(channels)[None], torch.from_numpy(simulator_conditions(condition))[None])
    return made[0, 0].numpy() * envelope(structure, grid)
