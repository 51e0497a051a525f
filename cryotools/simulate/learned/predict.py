"""Learned maps: run the shipped generator on a structure and put the result on any grid."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cryotools.core.compute.checkpoint import load_shipped
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.regions import Blocks, Box, blocks_within, everywhere
from cryotools.core.compute.runner import Compute
from cryotools.core.compute.wrappers import reach_of
from cryotools.core.errors import CryotoolsWarning
from cryotools.core.maps.resample import resample, whole_shift
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.nn.conditions import Conditioned
from cryotools.nn.folded import folded
from cryotools.simulate.layout import make_grid
from cryotools.simulate.learned.inputs import Condition, DensityChannels, simulator_conditions
from cryotools.simulate.learned.network import GENERATOR
from cryotools.simulate.learned.sharpness import REACH, Reach, envelope

_MARGIN = 12.0  # Å around the atoms, as in training
_TRAINED = (1.7, 8.0)  # Å


def generate(
    structure: Structure,
    grid: Grid,
    condition: Condition,
    compute: Compute | None = None,
    progress: Progress | None = None,
    weights: str | Path | None = None,
) -> np.ndarray:
    """The generator's map of `structure` on `grid`, float32 (nz, ny, nx).

    1 is strong density, the 99th percentile near atoms in experimental maps; beyond 7 Å from every atom the map is
    exactly 0. `weights` is a file made by train-gan, None the shipped one.

    Raises
    ------
    DataError
        The weights are missing or damaged, or the map does not fit into memory.
    """
    warn_of_resolution(condition.resolution)
    unit = unit_grid(structure)
    channels = DensityChannels(structure, unit, condition.resolution, b_factors=condition.b_factors)
    generator = load_generator(weights)
    network = folded(Conditioned(generator, torch.from_numpy(simulator_conditions(condition))))
    where = needed(structure, unit, grid, reach_of(network).multiple)
    made = apply_network(network, channels.part, where, compute=compute, progress=progress)
    return placed(made[0], unit, structure, grid)


def warn_of_resolution(resolution: float) -> None:
    """Warn outside the range that the networks were trained on."""
    if not _TRAINED[0] <= resolution <= _TRAINED[1]:
        warnings.warn(
            f"the generator has seen maps of {_TRAINED[0]:g} to {_TRAINED[1]:g} A, not of {resolution:g} A",
            CryotoolsWarning,
            stacklevel=4,
        )


def unit_grid(structure: Structure) -> Grid:
    """A grid of 1 Å voxels at integer positions around the atoms, with a margin of 12 Å as in training."""
    low, high = structure.bounds()
    first, last = np.floor(low - _MARGIN), np.ceil(high + _MARGIN)
    return make_grid(last - first + 1, (1.0, 1.0, 1.0), first)


def needed(structure: Structure, unit: Grid, grid: Grid, edge: int, reach: Reach = REACH) -> Blocks:
    """The blocks of `edge` voxels of the unit grid needed for a map on `grid` that ends `reach[1]` Å from atoms:
    all of them if the voxels do not coincide, since interpolation uses the whole grid.
    """
    shift = whole_shift(unit, grid)
    if shift is None:
        return everywhere(unit.shape, edge)
    where = blocks_within(unit, structure.xyz, reach[1], edge)
    wanted = Box(shift, grid.shape).inside(unit.shape)
    for axis, (start, n) in enumerate(zip(wanted.start, wanted.shape, strict=True)):
        along = np.moveaxis(where.mask, axis, 0)
        along[: start // edge] = False
        along[-(-(start + n) // edge) :] = False
    return where


def placed(made: np.ndarray, unit: Grid, structure: Structure, grid: Grid, reach: Reach = REACH) -> np.ndarray:
    """A map made on the unit grid, resampled to `grid`, fading to 0 from `reach[0]` to `reach[1]` Å from atoms."""
    faded = envelope(structure, grid, reach)
    faded *= resample(Volume.on(unit, made), grid).data
    return faded


def load_generator(weights: str | Path | None = None) -> nn.Module:
    """The generator from a weights file, None for the shipped one, on the CPU; it is shared (`shared_network`).

    Raises
    ------
    DataError
        The weights are missing or damaged.
    """
    return load_shipped("map-generator", [GENERATOR], weights)[0]
