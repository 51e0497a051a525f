"""Learned maps: run the shipped generator on a structure and put the result on any grid."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cryotools.core.checkpoint import load_network
from cryotools.core.distance import distance_to_points
from cryotools.core.errors import CryotoolsWarning
from cryotools.core.progress import Progress
from cryotools.core.resample import resample
from cryotools.core.runner import Compute, Runner, run_tiled
from cryotools.core.structure import Structure
from cryotools.core.volume import Grid, Volume
from cryotools.simulate.inputs import Condition, condition_vector, density_channels, with_condition
from cryotools.simulate.layout import make_grid
from cryotools.simulate.network import GENERATOR

WEIGHTS = Path(__file__).parents[1] / "weights" / "map-generator.safetensors"
_MARGIN = 12.0  # Å around the atoms, as in training
_REACH = (4.0, 7.0)  # Å from an atom: where density begins to fade, and where it has ended
_TRAINED = (1.7, 8.0)  # Å
_CORE = 96


def generate(
    structure: Structure, grid: Grid, condition: Condition, device: str = "auto", progress: Progress | None = None
) -> np.ndarray:
    """The generator's map of `structure` on `grid`, float32 (nz, ny, nx).

    1 is the strong density that the 99th percentile near atoms has in experimental maps; beyond 7 Å from every atom the
    map is exactly 0.

    Raises
    ------
    DataError
        The shipped weights are missing or damaged, or the map does not fit the memory.
    """
    if not _TRAINED[0] <= condition.resolution <= _TRAINED[1]:
        warnings.warn(
            f"the generator has seen maps of {_TRAINED[0]:g} to {_TRAINED[1]:g} A, not of {condition.resolution:g} A",
            CryotoolsWarning,
            stacklevel=3,
        )
    low, high = structure.bounds()
    first, last = np.floor(low - _MARGIN), np.ceil(high + _MARGIN)
    unit = make_grid(last - first + 1, (1.0, 1.0, 1.0), first)
    channels = with_condition(density_channels(structure, unit, condition.resolution), condition)
    network = _Conditioned(_generator(), condition)
    runner = Runner(network, Compute(device))
    sizes = {"halo": network.generator.halo, "multiple": network.generator.multiple, "core": _CORE}
    made = run_tiled(runner, channels, progress=progress, **sizes)[0]
    return resample(Volume.on(unit, made), grid).data * _envelope(structure, grid)


class _Conditioned(nn.Module):
    """A generator with its conditions fixed, as the runner applies it to tiles."""

    def __init__(self, generator: nn.Module, condition: Condition) -> None:
        super().__init__()
        self.generator = generator
        self.register_buffer("conditions", torch.from_numpy(condition_vector(condition))[None])

    def forward(self, tiles: Tensor) -> Tensor:
        return self.generator(tiles, self.conditions.expand(len(tiles), -1))


@cache
def _generator() -> nn.Module:
    network, _, _ = load_network(WEIGHTS, [GENERATOR])
    return network.to(memory_format=torch.channels_last_3d)


def _envelope(structure: Structure, grid: Grid) -> np.ndarray:
    """1 near atoms, 0 far from them, a cosine between."""
    begins, ends = _REACH
    away = np.clip((distance_to_points(grid, structure.xyz) - begins) / (ends - begins), 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * away)).astype(np.float32)
