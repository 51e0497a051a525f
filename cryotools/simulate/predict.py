"""Learned maps: run the shipped generator on a structure and put the result on any grid."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cryotools.core.checkpoint import shared_network
from cryotools.core.errors import CryotoolsWarning
from cryotools.core.progress import Progress
from cryotools.core.resample import resample
from cryotools.core.runner import Compute, Runner, run_tiled
from cryotools.core.structure import Structure
from cryotools.core.volume import Grid, Volume
from cryotools.nn.unet import Conditioned
from cryotools.simulate.inputs import Condition, condition_vector, density_channels, with_condition
from cryotools.simulate.layout import make_grid
from cryotools.simulate.network import GENERATOR
from cryotools.simulate.sharpness import REACH, Reach, envelope

WEIGHTS = Path(__file__).parents[1] / "weights" / "map-generator.safetensors"
_MARGIN = 12.0  # Å around the atoms, as in training
_TRAINED = (1.7, 8.0)  # Å
CORE = 96  # voxels of a tile that are kept; such tiles are large, so one at a time saves memory and costs no time


def generate(
    structure: Structure,
    grid: Grid,
    condition: Condition,
    compute: Compute | None = None,
    progress: Progress | None = None,
    weights: str | Path | None = None,
) -> np.ndarray:
    """The generator's map of `structure` on `grid`, float32 (nz, ny, nx).

    1 is the strong density that the 99th percentile near atoms has in experimental maps; beyond 7 Å from every atom the
    map is exactly 0. `weights` is a file made by train-gan, None the shipped one.

    Raises
    ------
    DataError
        The weights are missing or damaged, or the map does not fit the memory.
    """
    warn_of_resolution(condition.resolution)
    unit = unit_grid(structure)
    channels = with_condition(density_channels(structure, unit, condition.resolution), condition)
    generator = load_generator(weights or WEIGHTS)
    network = Conditioned(generator, torch.from_numpy(condition_vector(condition)))
    runner = Runner(network, (compute or Compute()).for_large_tiles())
    sizes = {"halo": generator.halo, "multiple": generator.multiple, "core": CORE}
    made = run_tiled(runner, channels, progress=progress, **sizes)[0]
    return placed(made, unit, structure, grid)


def warn_of_resolution(resolution: float) -> None:
    """Warn where the networks were not trained."""
    if not _TRAINED[0] <= resolution <= _TRAINED[1]:
        warnings.warn(
            f"the generator has seen maps of {_TRAINED[0]:g} to {_TRAINED[1]:g} A, not of {resolution:g} A",
            CryotoolsWarning,
            stacklevel=4,
        )


def unit_grid(structure: Structure) -> Grid:
    """Voxels of 1 Å at whole positions around the atoms, with a margin of 12 Å as in training."""
    low, high = structure.bounds()
    first, last = np.floor(low - _MARGIN), np.ceil(high + _MARGIN)
    return make_grid(last - first + 1, (1.0, 1.0, 1.0), first)


def placed(made: np.ndarray, unit: Grid, structure: Structure, grid: Grid, reach: Reach = REACH) -> np.ndarray:
    """A map made on the unit grid, on the grid asked for, fading to 0 from `reach[0]` to `reach[1]` Å from atoms."""
    return resample(Volume.on(unit, made), grid).data * envelope(structure, grid, reach)


def load_generator(weights: str | Path = WEIGHTS) -> nn.Module:
    """The generator of a file of weights, the shipped one's by default, on the CPU; it is shared (`shared_network`).

    Raises
    ------
    DataError
        The weights are missing or damaged.
    """
    return shared_network(weights, [GENERATOR])[0]
