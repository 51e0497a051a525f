"""Labelled maps simulated from structures: what gives the network strands and nucleotides enough.

A box is cut out of a structure in a random orientation, made into a map by the learned simulator or by molmap, at a
random resolution, and degraded as real maps are (`sse.learning.degrade`). Its atoms reach beyond the box, so density
does not end there.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
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
from cryotools.core.progress import NoProgress, Progress
from cryotools.core.structures.structure import NUCLEIC, WATER, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.learned.inputs import Condition, density_channels, simulator_conditions, with_condition
from cryotools.simulate.learned.predict import load_generator
from cryotools.simulate.learned.sharpness import envelope
from cryotools.sse.learning.degrade import DISTANT, blurred_unevenly, masked, random_end, with_noise
from cryotools.sse.learning.examples import ClassifierExample, load_example, make_classifier_example, save_example
from cryotools.sse.truth.assign import assign
from cryotools.training import distributed

KEPT = 64  # voxels along a box's edge
_WAY = 3  # counts up when boxes are made in another way; kept ones are not used then
_MARGIN = 8  # voxels more on each side, of which the network's padding may spoil some
_REACH = 5.0  # Å beyond the box, whose atoms are seen in it
_LEARNED = 0.7  # of all; the rest is molmap's, at a resolution of its own scale
_RESOLUTIONS = ((2.0, 4.5), (4.5, 8.5))  # Å
_FINER = 0.6  # of all, in the first range
_BROADER = (0.8, 1.5)  # × the resolution, for molmap
_SHARPNESS = (-100.0, 200.0)  # Å²
_ABOVE_STANDARD = (0.0, 100.0)  # Å²; a slope is overestimated in a box whose faces cut the molecule
_NUCLEIC = 0.6  # of boxes of a complex that are around a nucleotide


def simulated_examples(
    structures: Sequence[Path], count: int, folder: Path, seed: int = 0, progress: Progress | None = None
) -> list[ClassifierExample]:
    """`count` examples of `structures`, each taken as often as any, kept in `folder` and read from there if they are.

    Example number i is the same whatever the count, and kept under a name that tells what it was made of: other
    structures, another seed or another way to simulate never read it. Structures that cannot be used are named in a
    warning, and others stand in for them. The processes of torchrun share the work, and all read all examples.

    Raises
    ------
    DataError
        No structure can be used, or the folder cannot be written to.
    """
    name = digest(structures, seed)
    files = [folder / f"{name}-{number:05d}.npz" for number in range(count)]
    distributed.on_each(_fill, structures, files, seed, progress or NoProgress())
    return [load_example(file) for file in files]


def digest(structures: Sequence[Path], seed: int) -> str:
    """Eight letters that stand for these structures in this order, the seed and the way to simulate."""
    facts = [_WAY, seed, *((path.name, path.stat().st_size if path.exists() else 0) for path in structures)]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:8]


def _fill(structures: Sequence[Path], files: Sequence[Path], seed: int, progress: Progress) -> None:
    """Simulate what is not there yet of this process's share; the first process reports."""
    try:
        files[0].parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{files[0].parent}: cannot store simulated maps: {error.strerror}") from error
    order = np.random.default_rng(seed).permutation(len(structures))
    mine = distributed.share(list(enumerate(files)))
    progress = progress if distributed.is_first() else NoProgress()
    progress.start(len(mine), "simulating")
    for number, file in mine:
        if not file.exists():
            turn = [structures[order[(number + later) % len(order)]] for later in range(len(order))]
            save_example(file, _first_usable(turn, np.random.default_rng([seed, number])))
        progress.advance()


def _first_usable(structures: Sequence[Path], random: np.random.Generator) -> ClassifierExample:
    for path in structures:
        try:
            return simulated_example(read_structure(path), random)
        except DataError as error:
            warnings.warn(f"{error}; another structure is used instead", CryotoolsWarning, stacklevel=2)
    raise DataError(f"none of {len(structures)} structures can be simulated")


def simulated_example(structure: Structure, random: np.random.Generator) -> ClassifierExample:
    """One box of `structure`, made at random.

    Raises
    ------
    DataError
        The structure has no protein or nucleic acid.
    """
    structure = structure[(structure.kind != WATER) & (structure.element != 1)]
    structure = structure[structure.model == structure.model[0]]
    residues = assign(structure)
    centred = structure.xyz - structure.xyz.mean(axis=0)
    structure = structure.with_xyz(centred @ Rotation.random(random_state=random.integers(2**31)).as_matrix().T)
    grid = _box(structure, residues.of_atom, random)
    low, high = np.array(grid.origin) - _REACH, np.array(grid.origin) + np.array(grid.shape) + _REACH
    within = np.all((structure.xyz > low) & (structure.xyz < high), axis=1)
    part, residues = structure[within], replace(residues, of_atom=residues.of_atom[within])
    resolution = float(random.uniform(*_RESOLUTIONS[int(random.random() > _FINER)]))
    clean = _clean(part, grid, resolution, random)
    smooth, density = _as_experiments_give(clean, distance_to_points(grid, part.xyz, DISTANT), resolution, random)
    start, shape = (_MARGIN,) * 3, (KEPT,) * 3
    kept = Volume.on(grid, smooth).crop(start, shape)
    return make_classifier_example(kept, Volume.on(grid, density).crop(start, shape).data, part, residues, resolution)


def _box(structure: Structure, of_atom: np.ndarray, random: np.random.Generator) -> Grid:
    """A box around a residue, moved towards the molecule's middle so that it is well filled."""
    wanted = of_atom >= 0
    nucleic = wanted & (structure.kind == NUCLEIC)
    if nucleic.any() and random.random() < _NUCLEIC:
        wanted = nucleic
    at = np.flatnonzero(wanted)
    middle = 0.8 * structure.xyz[at[random.integers(len(at))]]
    size = KEPT + 2 * _MARGIN
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
