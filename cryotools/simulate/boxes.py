"""Boxes cut out of structures in random orientations, simulated as experiments would show them, to be labelled.

A box is made into a map by the learned simulator or by molmap, at a random resolution, and degraded as real maps are
(`training.augment`). Its atoms reach beyond the box, so density does not end there. What its voxels are to be called is
a system's own affair: it gives a function that makes a labelled example of a structure, by way of `simulate_box`.
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
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import NUCLEIC, WATER, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.learned.inputs import Condition, density_channels, simulator_conditions, with_condition
from cryotools.simulate.learned.predict import load_generator
from cryotools.simulate.learned.sharpness import envelope
from cryotools.training.augment import DISTANT, blurred_unevenly, masked, random_end, with_noise
from cryotools.training.store import Example, ExampleStore, Kept

MakeExample = Callable[[Structure, np.random.Generator], Example]

BOX = 64  # voxels along a box's edge
_MARGIN = 8  # voxels more on each side, of which the network's padding may spoil some
_REACH = 5.0  # Å beyond the box, whose atoms are seen in it
_LEARNED = 0.7  # of all; the rest is molmap's, at a resolution of its own scale
_RESOLUTIONS = ((2.0, 4.5), (4.5, 8.5))  # Å
_FINER = 0.6  # of all, in the first range
_BROADER = (0.8, 1.5)  # × the resolution, for molmap
_SHARPNESS = (-100.0, 200.0)  # Å²
_ABOVE_STANDARD = (0.0, 100.0)  # Å²; a slope is overestimated in a box whose faces cut the molecule
_NUCLEIC = 0.6  # of boxes of a complex that are around a nucleotide


@dataclass(frozen=True)
class SimulatedBox:
    """A box of 64 Å in the prepared form (`core.maps.prepare`).

    Attributes
    ----------
    volume : the map without noise, masked by nothing
    density : float32 (64, 64, 64), the map as an experiment gives it
    structure : the atoms that are seen in it, turned with it
    atoms : int (n,), the number of each of these in the structure that the box was cut out of
    resolution : Å
    """

    volume: Volume
    density: np.ndarray
    structure: Structure
    atoms: np.ndarray
    resolution: float


def without_solvent(structure: Structure) -> Structure:
    """The first model's atoms, without waters and hydrogens: those that boxes are made of."""
    structure = structure[(structure.kind != WATER) & (structure.element != 1)]
    return structure[structure.model == structure.model[0]]


def simulate_box(structure: Structure, random: np.random.Generator, around: np.ndarray | None = None) -> SimulatedBox:
    """A box of `structure` at random, around one of the atoms that the mask `around` (n,) marks; None marks all.

    Raises
    ------
    DataError
        It marks none.
    """
    around = np.ones(len(structure), dtype=bool) if around is None else around
    if not around.any():
        raise DataError(f"{structure.name}: has nothing that a box could be cut around")
    centred = structure.xyz - structure.xyz.mean(axis=0)
    structure = structure.with_xyz(centred @ Rotation.random(random_state=random.integers(2**31)).as_matrix().T)
    grid = _box(structure, around, random)
    low, high = np.array(grid.origin) - _REACH, np.array(grid.origin) + np.array(grid.shape) + _REACH
    atoms = np.flatnonzero(np.all((structure.xyz > low) & (structure.xyz < high), axis=1))
    part = structure[atoms]
    resolution = float(random.uniform(*_RESOLUTIONS[int(random.random() > _FINER)]))
    clean = _clean(part, grid, resolution, random)
    smooth, density = _as_experiments_give(clean, distance_to_points(grid, part.xyz, DISTANT), resolution, random)
    start, shape = (_MARGIN,) * 3, (BOX,) * 3
    seen = Volume.on(grid, density).crop(start, shape).data
    return SimulatedBox(Volume.on(grid, smooth).crop(start, shape), seen, part, atoms, resolution)


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
    """`count` examples that `make` makes of `structures`, each taken as often as any, made where the store lacks them.

    Example number i is the same whatever the count, and kept under a name that tells what it was made of: other
    structures, another seed or another `way` to make it never read it. Structures that cannot be used are named in a
    warning, and others stand in for them. The processes of torchrun share the work, and all read all examples.

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
    """Eight letters that stand for these structures in this order, the seed and the way to make examples of them."""
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
    """A box around an atom, moved towards the molecule's middle so that it is well filled."""
    nucleic = around & (structure.kind == NUCLEIC)
    if nucleic.any() and random.random() < _NUCLEIC:
        around = nucleic
    at = np.flatnonzero(around)
    middle = 0.8 * structure.xyz[at[random.integers(len(at))]]
    size = BOX + 2 * _MARGIN
    origin = np.rint(middle - size / 2) + random.uniform(-0.5, 0.5, 3)
    return Grid((size,) * 3, (SPACING,) * 3, tuple(origin))


def _as_experiments_give(
    clean: np.ndarray, distance: np.ndarray, resolution: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A clean map degraded and brought to the form of `core.maps.prepare`: without noise, and with noise and a mask."""
    shells = Shells(clean.shape, (SPACING,) * 3)
    end = random_end(shells, resolution, random)
    smooth = shells.scale(blurred_unevenly(clean, resolution, random), end)
    smooth /= _strength(smooth)
    noisy = with_noise(smooth, distance, end, random)
    blur = soften.blur_needed(noisy, resolution, SPACING, soften.STANDARD + random.uniform(*_ABOVE_STANDARD))
    if blur > 0:
        smooth, noisy = soften.blurred(smooth, blur), soften.blurred(noisy, blur)
        strength = _strength(smooth)
        smooth, noisy = smooth / strength, noisy / strength
    return smooth, np.clip(masked(noisy, distance, random), *PREPARED_RANGE)


def _strength(data: np.ndarray) -> np.float32:
    """The molecule's strength in a cubic box whose solvent is 0, though there may be none."""
    around = np.pad(data, data.shape[0] // 4)
    return np.float32(find_levels(Volume(around, (SPACING,) * 3)).strength)


def _clean(structure: Structure, grid: Grid, resolution: float, random: np.random.Generator) -> np.ndarray:
    """The map of a random method, without noise; 0 far from atoms."""
    if random.random() >= _LEARNED:
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
