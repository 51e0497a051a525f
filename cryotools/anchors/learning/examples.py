"""Maps with their residues, for training: experimental maps in several versions, and boxes from other sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryotools.anchors.labels import POINTS, ResidueTruth, residue_truth
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.volume import Grid, Volume
from cryotools.training.augment import lowered, random_b
from cryotools.training.pairs import Pair
from cryotools.training.seeds import random_for

EDGE = 4.0  # voxels beyond the faces, up to which points are kept
COARSEST = 4.8  # Å


@dataclass(frozen=True)
class ResidueExample:
    """A prepared map (1 Å) and the residues in it; positions are voxel indices (x, y, z).

    Attributes
    ----------
    density : float16 (nz, ny, nx)
    counts : uint8 (nz, ny, nx), 0 where density without a model must not count
    resolution : Å
    source : what the map is made from, the same for all maps of one molecule
    ca … c1 : as in `anchors.labels.ResidueTruth`
    """

    density: np.ndarray
    counts: np.ndarray
    resolution: float
    source: str
    ca: np.ndarray
    mass: np.ndarray
    amino: np.ndarray
    state: np.ndarray
    before: np.ndarray
    after: np.ndarray
    path: np.ndarray
    p: np.ndarray
    c4: np.ndarray
    c1: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """The residues (k,) whose Cα lies in the map."""
        return np.flatnonzero(np.all((self.ca >= 0) & (self.ca <= np.array(self.density.shape[::-1]) - 1), axis=1))


def make_residue_example(
    grid: Grid,
    density: np.ndarray,
    truth: ResidueTruth,
    resolution: float,
    source: str,
    counts: np.ndarray | None = None,
) -> ResidueExample:
    """A prepared map on `grid` with the residues of a model near it."""
    shape = np.array(grid.shape[::-1])

    def near(xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        index = grid.world_to_index(xyz).astype(np.float32)
        return index, np.all((index > -EDGE) & (index < shape - 1 + EDGE), axis=1)

    ca, kept = near(truth.ca)
    place = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1).astype(np.int32)
    points = {key: index[there] for key in POINTS[2:] for index, there in [near(getattr(truth, key))]}
    return ResidueExample(
        density=density.astype(np.float16),
        counts=np.ones(density.shape, dtype=np.uint8) if counts is None else counts.astype(np.uint8),
        resolution=float(resolution),
        source=source,
        ca=ca[kept],
        mass=grid.world_to_index(truth.mass[kept]).astype(np.float32),
        amino=truth.amino[kept],
        state=truth.state[kept],
        before=place[truth.before[kept]],
        after=place[truth.after[kept]],
        **points,
    )


def experimental_residues(pair: Pair, versions: int, seed: int = 0) -> Iterator[ResidueExample]:
    """`pair` as it is, and `versions` - 1 copies that are blurred or sharpened, some of them low-pass filtered to 4.8 Å
    at worst; random numbers depend on the seed and the pair's id.

    Raises
    ------
    DataError
        The pair has no protein or nucleic acid.
    """
    random, truth = random_for(seed, pair.id), residue_truth(pair.structure)
    for version in range(versions):
        resolution, volume = pair.resolution, pair.target
        if version:
            if resolution < COARSEST and random.random() < 0.4:
                resolution = random.uniform(resolution, COARSEST)
            volume = _lowered(pair, resolution, random)
        seen = prepare_map(volume, resolution).volume.data
        yield make_residue_example(pair.target.grid, seen, truth, resolution, pair.id, pair.weight > 0)


def held_out_example(pair: Pair) -> ResidueExample:
    """`pair` as it is.

    Raises
    ------
    DataError
        The pair has no protein or nucleic acid.
    """
    seen = prepare_map(pair.target, pair.resolution).volume.data
    truth = residue_truth(pair.structure)
    return make_residue_example(pair.target.grid, seen, truth, pair.resolution, pair.id, pair.weight > 0)


def _lowered(pair: Pair, resolution: float, random: np.random.Generator) -> Volume:
    """The pair's map at a lower resolution and with another B factor; what is masked stays masked."""
    volume = lowered(pair.target, pair.resolution, resolution, random_b(resolution, random))
    emptied = pair.target.data == 0
    return volume.with_data(np.where(emptied, 0, volume.data)) if emptied.mean() > 0.2 else volume
