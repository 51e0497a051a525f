"""Class maps of any map: what `annotate-sse` computes."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.ndimage import binary_dilation, uniform_filter
from torch import Tensor, nn

from cryotools.core.compute.checkpoint import shared_network, shipped
from cryotools.core.compute.device import resolve_device, resolve_precision
from cryotools.core.compute.runner import Compute, InputTooLargeError, Runner, run_tiles
from cryotools.core.compute.tiles import TilePlan, bounding_box, plan_few_tiles
from cryotools.core.errors import ArgumentError, CryotoolsNote, DataError
from cryotools.core.maps.levels import Levels, block_means
from cryotools.core.maps.rotations import ROTATIONS
from cryotools.core.maps.volume import Volume
from cryotools.core.memory import available_bytes, check_grid_fits
from cryotools.core.progress import NoProgress, Progress
from cryotools.nn.folded import folded
from cryotools.sse.check import (
    check_confidence,
    check_resolution,
    check_values,
    check_voxels,
)
from cryotools.sse.inputs import on_grid, prepare_map, resolution_conditions
from cryotools.sse.network import CLASSES, HARUSPEX, SECONDARY_STRUCTURE, Classifier, Haruspex, SecondaryStructure
from cryotools.sse.truth.assign import OTHER

WEIGHTS = shipped("secondary-structure")
# of the four turns, each takes every axis to another direction, and any two are at least 120° apart
TURNS = {1: (0,), 4: (0, 6, 8, 21), 24: tuple(range(24))}

Network = SecondaryStructure | Haruspex

# voxels along an axis of a tile and in all: 1 GB of activations, and eight tiles to 400 x 300 x 300 voxels; Haruspex
# needs more per voxel
_LARGEST, _MOST = 320, 10_700_000
_LARGEST_HARUSPEX = 100
_LEAST_CORE = 64  # voxels inside the halo of a tile
_ACTIVATIONS = 110  # bytes per voxel of a tile
_BEYOND = 8  # Å of solvent around the box
_BLOCK = 4  # Å
_STANDS_OUT, _STRONGEST = 0.25, 64  # of the mean over so many blocks
_AROUND = 2  # blocks


@dataclass(frozen=True)
class Annotation:
    """The classes of a map's voxels.

    Attributes
    ----------
    volume : the map
    probabilities : float32 (4, nz, ny, nx) on the map's own grid, in the order of `sse.truth.assign`: other, helix,
        sheet, nucleotide
    levels : the levels of the map, in its own scale
    resolution : Å, as told to the network; None where it is not known
    """

    volume: Volume
    probabilities: np.ndarray
    levels: Levels
    resolution: float | None

    @cached_property
    def labels(self) -> np.ndarray:
        """The most probable class, uint8 (nz, ny, nx); the first of equals."""
        labels = np.empty(self.volume.data.shape, dtype=np.uint8)
        for z in range(len(labels)):  # argmax gives eight bytes a voxel
            labels[z] = np.argmax(self.probabilities[:, z], axis=0)
        return labels


class Annotator:
    """A network that is ready to annotate maps.

    Parameters
    ----------
    weights : file of a network, ours or Haruspex; None for the shipped one
    compute : `batch` is 1 where it is None, since tiles are large
    rotations : 1, 4 or 24 turns of the map whose probabilities are averaged, at as many times the cost
    lean : added to the logits of helix, sheet and nucleotide: above 0 more of them is found, below 0 less

    Raises
    ------
    DataError
        The weights are missing or damaged, or the device is not there.
    UsageError
        Rotations are none of 1, 4 and 24, `lean` is not finite, or there is no such device.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] | None = None,
        compute: Compute | None = None,
        rotations: int = 1,
        lean: float = 0.0,
    ) -> None:
        if rotations not in TURNS:
            raise ArgumentError("rotations", rotations, "give 1, 4 or 24")
        if not np.isfinite(lean):
            raise ArgumentError("lean", lean, "give a finite number")
        compute = compute or Compute()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryotoolsNote)  # which device it is, is told when it is used
            resolve_precision(compute.precision, resolve_device(compute.device))
        self.compute = compute.for_large_tiles()
        self.network, _, _ = shared_network(weights or WEIGHTS, [SECONDARY_STRUCTURE, HARUSPEX])
        self.turns, self.lean = TURNS[rotations], lean

    def annotate(self, volume: Volume, resolution: float | None = None, progress: Progress | None = None) -> Annotation:
        """The class of each voxel of a map of any voxel size; see `annotate`."""
        conditions = torch.from_numpy(resolution_conditions(resolution))
        check_resolution(resolution)
        check_voxels(volume)
        prepared = prepare_map(volume, resolution, check_values(volume))
        turned = folded(Turned(Classifier(self.network, conditions, self.lean), self.turns))
        runner = Runner(turned, self.compute)
        probabilities = classify(runner, self.network, prepared.volume.data, progress)
        if not prepared.volume.same_grid_as(volume):
            probabilities = on_grid(probabilities, prepared.volume.grid, volume.grid)
        check_confidence(probabilities, float(np.prod(volume.voxel_size)))
        return Annotation(volume, probabilities, prepared.levels, resolution)


def annotate(
    volume: Volume,
    resolution: float | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
    compute: Compute | None = None,
    rotations: int = 1,
    progress: Progress | None = None,
) -> Annotation:
    """The class of each voxel of a map of any voxel size, by an `Annotator` that is made for it alone.

    Only what stands out of the solvent is looked at: blocks of 12 Å whose mean exceeds a quarter of the strongest ones'
    and 8 Å around them. The rest is other, with probability 1. On 32 experimental maps, no residue with density around
    it lies in the rest; it costs nothing, large boxes no more than the molecule inside.

    Parameters
    ----------
    resolution : Å; None where it is not known
    weights, compute, rotations : see `Annotator`

    Raises
    ------
    DataError
        The map is constant, thinner than 6 Å or too large for the memory, or the weights are missing or damaged.
    UsageError
        The resolution is not a positive number, or rotations are none of 1, 4 and 24.
    """
    return Annotator(weights, compute, rotations).annotate(volume, resolution, progress)


class Turned(nn.Module):
    """The mean of a classifier's probabilities (b, 4, z, y, x) over turns of its input, each turned back."""

    def __init__(self, classifier: Classifier, turns: tuple[int, ...]) -> None:
        super().__init__()
        self.classifier = classifier
        self.turns = turns

    def forward(self, tiles: Tensor) -> Tensor:
        first, *more = self.turns
        total = self._turned(tiles, first)
        for number in more:
            total += self._turned(tiles, number)  # in place: maps of all classes are large
        return total.div_(len(self.turns))

    def _turned(self, tiles: Tensor, number: int) -> Tensor:
        axes, flips = ROTATIONS[number]
        flipped = [2 + axis for axis, flip in enumerate(flips) if flip < 0]
        turned = tiles.permute(0, 1, *(2 + axis for axis in axes)).flip(flipped)
        return self.classifier(turned).flip(flipped).permute(0, 1, *(2 + axes.index(axis) for axis in range(3)))


def classify(runner: Runner, network: Network, density: np.ndarray, progress: Progress | None = None) -> np.ndarray:
    """Class maps float32 (4, nz, ny, nx) of a prepared map (nz, ny, nx), by a runner of the `Turned` network.

    The network sees the smallest box around what stands out of the solvent, in tiles, smaller ones where the memory is
    short; the result does not depend on them.
    """
    check_grid_fits(density.shape, copies=CLASSES)
    probabilities = np.zeros((CLASSES, *density.shape), dtype=np.float32)
    probabilities[OTHER] = 1
    worth = stands_out(density)
    box = bounding_box(worth)
    if box is None:
        return probabilities
    part, worth, density = probabilities[(slice(None), *box)], worth[box], density[box]
    _fill(part, runner, network, density, worth, progress or NoProgress())
    for plane, there in zip(part.swapaxes(0, 1), worth, strict=True):
        plane[:, ~there] = 0
        plane[OTHER, ~there] = 1
    return probabilities


def _fill(
    part: np.ndarray, runner: Runner, network: Network, density: np.ndarray, worth: np.ndarray, progress: Progress
) -> None:
    """Class maps `part` (4, nz, ny, nx) where `worth` (nz, ny, nx) says so, in tiles as large as the memory allows."""
    largest, beyond = (_LARGEST_HARUSPEX, network.halo) if isinstance(network, Haruspex) else (_LARGEST, _BEYOND)
    least = 2 * network.halo + _LEAST_CORE
    most = min(_MOST, largest**3)
    short = runner.device.type == "cpu" and _ACTIVATIONS * most > available_bytes()  # Linux would kill us
    largest = least if short else max(largest, least)
    sizes = {"halo": network.halo, "multiple": network.multiple, "beyond": beyond}
    while True:
        plan = plan_few_tiles(density.shape, largest=largest, most=max(most, least**3), **sizes)
        starts = [start for start in plan.starts() if worth[_core(plan, start)].any()]
        progress.start(len(starts), "tiles")
        try:
            for start, tile in run_tiles(runner, plan, density[None], starts):
                plan.paste(part, tile.numpy(), start)
                progress.advance()
        except InputTooLargeError as error:
            if largest == least:
                raise DataError(
                    f"tiles of {least} voxels do not fit the memory of {runner.device}; use a machine with more "
                    "memory, or `device='cpu'` instead of a GPU"
                ) from error
            largest = max(
                min(largest, round(most ** (1 / 3))) // 2, least
            )  # what is computed already would come out the same, and comes again
        else:
            return


def stands_out(density: np.ndarray) -> np.ndarray:
    """Mask (nz, ny, nx) of a prepared map: what stands out of the solvent, and some 8 Å around it."""
    blocks = block_means(density, 0.0, [min(_BLOCK, n) for n in density.shape])
    means = uniform_filter(blocks, 3, mode="nearest")
    strongest = np.sort(means, axis=None)[-min(_STRONGEST, -(-means.size // 4)) :].mean()
    there = (means > _STANDS_OUT * strongest) & (means > 0)
    there = binary_dilation(there, np.ones((3, 3, 3), dtype=bool), iterations=_AROUND)
    for axis, n in enumerate(density.shape):
        there = np.repeat(there, min(_BLOCK, n), axis=axis)
    return there[tuple(slice(n) for n in density.shape)]


def _core(plan: TilePlan, start: tuple[int, int, int]) -> tuple[slice, ...]:
    return tuple(slice(s, s + n) for s, n in zip(start, plan.core, strict=True))
