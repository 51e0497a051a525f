"""Curated pairs as training examples for the learned simulators: several resolutions and sharpnesses, rotated cubes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cryotools.core.maps.distance import near_points
from cryotools.core.maps.rotations import cut, rotate, start_around
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.splat import sigma_of_resolution
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.structure import Structure
from cryotools.simulate.learned.inputs import NEAR
from cryotools.simulate.learned.sharpness import measure_sharpness
from cryotools.training import distributed
from cryotools.training.pairs import Pair
from cryotools.training.step import sqrt_shares
from cryotools.training.store import ExampleStore

_LOSS_REACH = 4.0  # Å from an atom: where the loss counts fully
_VERSIONS = ((0.0, 0.0), (0.0, 60.0), (0.0, -40.0), (0.8, 0.0), (2.0, 0.0))  # Å coarser, Å² of B added
_SHARES = (0.5, 0.1, 0.1, 0.2, 0.1)  # how often each is drawn
_COARSEST = 8.0  # Å

Channels = Callable[[Structure, Grid, float], np.ndarray]
Cut = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SimulatorExample:
    """A pair at one resolution (Å) and sharpness (Å²), ready to be cut.

    Attributes
    ----------
    density : float16 (channels, nz, ny, nx)
    target : float16 (nz, ny, nx), the map, scaled so that its 99th percentile near atoms is 1
    weight : float16 (nz, ny, nx), 1 near atoms, 0 beyond, -1 where the map is ignored
    near : bool (nz, ny, nx), within 3 Å of atoms; `index` (n, 3) of those voxels
    mean, deviation : mean and standard deviation of the target where the loss counts fully
    """

    id: str
    resolution: float
    sharpness: float
    density: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    near: np.ndarray
    index: np.ndarray
    mean: float
    deviation: float


class SimulatorExamples:
    """Versions of each pair, with channels made by `channels` from atoms, grid and resolution, and held-out pairs as
    they are; all processes together keep them in `folder` (None: as long as this object lives). Only the first process
    has the held-out pairs.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        channels: Channels,
        held_out: Sequence[Pair] = (),
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        store = ExampleStore(SimulatorExample, folder)
        learned = {f"{number:05d}": partial(_versions, pair, channels) for number, pair in enumerate(pairs)}
        judged = {f"held-out-{number:05d}": partial(_plain, pair, channels) for number, pair in enumerate(held_out)}
        store.fill(learned | judged)
        self.versions = [store.versions(name) for name in learned]
        self.held_out = [store.versions(name) for name in judged] if distributed.is_first() else []
        self.share = sqrt_shares([len(versions[0].index) for versions in self.versions])

    def draw(self, random: np.random.Generator, count: int, size: int) -> Iterator[tuple[SimulatorExample, Cut]]:
        """`count` random examples, each with a function that cuts the same rotated cube of `size` voxels near atoms
        from any of its volumes (…, nz, ny, nx), float32.
        """
        for number in random.choice(len(self.versions), count, p=self.share):
            versions = self.versions[number]
            share = np.array(_SHARES[: len(versions)])
            example = versions[random.choice(len(versions), p=share / share.sum())]
            start, turn = start_around(random, example.index, size), int(random.integers(24))
            yield example, partial(_turned_cube, start=start, size=size, turn=turn)


def make_simulator_example(
    pair: Pair, channels: Channels, coarser: float = 0.0, more_b: float = 0.0, like: SimulatorExample | None = None
) -> SimulatorExample:
    """`pair` at a resolution `coarser` Å worse, and with its B factor raised by `more_b` Å²; `like`, another
    version of the pair, supplies what they share: everything that depends on atoms alone, and the channels if the
    resolution is the same.
    """
    resolution, grid = pair.resolution + coarser, pair.target.grid
    near = near_points(grid, pair.structure.xyz, NEAR) if like is None else like.near
    target = pair.target
    if coarser or more_b:
        gained = 8 * np.pi**2 * (sigma_of_resolution(resolution) ** 2 - sigma_of_resolution(pair.resolution) ** 2)
        shells = Shells(grid.shape, grid.voxel_size)
        target = target.with_data(shells.change_b(target.data, more_b + gained, resolution))
    density = None if like is None or coarser else like.density
    if like is None:
        within = near_points(grid, pair.structure.xyz, _LOSS_REACH)
        weight = np.where(pair.weight > 0, within.astype(np.float32), np.float32(-1)).astype(np.float16)
    else:
        weight = like.weight
    scaled = (target.data / np.percentile(target.data[near], 99)).astype(np.float16)
    level = scaled[weight > 0].astype(np.float32)
    return SimulatorExample(
        id=pair.id,
        resolution=resolution,
        sharpness=measure_sharpness(target, pair.structure, resolution),
        density=channels(pair.structure, grid, resolution).astype(np.float16) if density is None else density,
        target=scaled,
        weight=weight,
        near=near,
        index=np.argwhere(near) if like is None else like.index,
        mean=float(level.mean()),
        deviation=float(level.std()),
    )


def _plain(pair: Pair, channels: Channels) -> Iterator[SimulatorExample]:
    yield make_simulator_example(pair, channels)


def _versions(pair: Pair, channels: Channels) -> Iterator[SimulatorExample]:
    """`pair` as it is, blurred and sharpened, and at coarser resolutions; the first ones share their channels."""
    first = make_simulator_example(pair, channels)
    yield first
    for how in _VERSIONS[1:]:
        if pair.resolution + how[0] <= _COARSEST:
            yield make_simulator_example(pair, channels, *how, like=first)


def _turned_cube(volume: np.ndarray, start: np.ndarray, size: int, turn: int) -> np.ndarray:
    return np.ascontiguousarray(rotate(cut(volume, start, size), turn), dtype=np.float32)
