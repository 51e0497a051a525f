"""Cubes drawn at random residues of a map, in right and in wrong frames, as the type network learns from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from cryotools.anchors.frames import backwards, cubes, frames
from cryotools.anchors.labels import UNKNOWN
from cryotools.anchors.learning.examples import ResidueExample
from cryotools.anchors.learning.twins import TwinnedExample
from cryotools.anchors.network import NONE
from cryotools.training.augment import CubeNoise

_WRONG = 0.25  # fraction of a map's cubes in wrong frames: half of them backwards, the rest shifted or anywhere
_OFF_CHAIN = 2.5  # Å from any Cα, where a frame is of no residue


@dataclass(frozen=True)
class DrawnCubes:
    """Cubes of a map.

    Attributes
    ----------
    seen : float32 (b, 1, 16, 16, 16)
    types : int64 (b,), the amino acid of each, or NONE in a wrong frame
    twins : float32 (k, 1, 16, 16, 16), the same places in the map's twin, for the cubes that are not NONE; None if it
        has no twin
    """

    seen: np.ndarray
    types: np.ndarray
    twins: np.ndarray | None = None


def draw_cubes(
    example: ResidueExample,
    random: np.random.Generator,
    count: int,
    jitter: float,
    noise: CubeNoise,
    *,
    twins: bool = False,
) -> DrawnCubes | None:
    """Cubes in the frames of `draw_frames`, disturbed; and, if there are any and `twins` is set, those of the twin."""
    drawn = draw_frames(example, random, count, jitter)
    if drawn is None:
        return None
    here, axes, types = drawn
    seen = cubes(_disturbed(example.density.astype(np.float32), random, noise), here, axes)
    if not (twins and isinstance(example, TwinnedExample)):
        return DrawnCubes(seen, types)
    residue = types != NONE
    twin = _disturbed(example.twin.astype(np.float32), random, noise)
    return DrawnCubes(seen, types, cubes(twin, here[residue], axes[residue]))


def draw_frames(
    example: ResidueExample, random: np.random.Generator, count: int, jitter: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Positions (b, 3) in voxels (x, y, z), frames (b, 3, 3) and types int64 (b,) of `count` random residues of a map,
    whose Cα atoms are moved by up to `jitter` Å (standard deviation per axis); a quarter is in wrong frames. None if no
    residue of known type has both neighbours.
    """
    usable = framed(example)
    if not len(usable):
        return None
    wrong = round(count * _WRONG)
    chosen = usable[random.integers(len(usable), size=count)]
    places = [example.ca[which] for which in (example.before[chosen], chosen, example.after[chosen])]
    error = random.uniform(0.05, jitter, (count, 1))
    before, here, after = (place + random.normal(0, 1, place.shape) * error for place in places)
    axes, types = frames(before, here, after), example.amino[chosen].astype(np.int64)
    types[:wrong] = NONE
    half, shifted = wrong // 2, wrong - wrong // 4
    axes[:half] = backwards(axes[:half])
    here[half:shifted] = (here + after)[half:shifted] / 2
    anywhere = _off_chain(example, random, wrong - shifted)
    here[shifted : shifted + len(anywhere)] = anywhere
    axes[shifted:wrong] = Rotation.random(wrong - shifted, random_state=random.integers(2**31)).as_matrix()
    return here, axes, types


def framed(example: ResidueExample) -> np.ndarray:
    """The residues (k,) of known type in the map that have both neighbours and lie where density counts."""
    at = example.inside
    at = at[(example.before[at] >= 0) & (example.after[at] >= 0) & (example.amino[at] != UNKNOWN)]
    return at[example.counts[tuple(np.rint(example.ca[at]).astype(int).T[::-1])] > 0]


def _off_chain(example: ResidueExample, random: np.random.Generator, count: int) -> np.ndarray:
    """Up to `count` random positions in dense voxels far from any Cα (k, 3)."""
    at = np.argwhere(example.density > np.float16(0.4))
    if not len(at) or not count:
        return np.zeros((0, 3))
    at = at[random.integers(len(at), size=8 * count)][:, ::-1].astype(np.float32)
    apart = np.linalg.norm(at[:, None] - example.ca[None], axis=2).min(axis=1)
    return at[apart > _OFF_CHAIN][:count]


def _disturbed(density: np.ndarray, random: np.random.Generator, noise: CubeNoise) -> np.ndarray:
    """A map with other levels and sometimes more noise; only cubes are disturbed by `noise`, so a large map is not."""
    if len(set(density.shape)) == 1 and density.shape[0] <= 96:
        return noise.disturbed(density, random)
    return density * np.float32(np.exp(random.uniform(-0.2, 0.2)))
