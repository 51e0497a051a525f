"""What may happen to a map before it is annotated, each as a function of a scene and a random generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.ndimage import affine_transform

from cryotools.core.maps.levels import find_levels
from cryotools.core.maps.resample import grid_at_spacing, resample
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.structure import Structure
from cryotools.simulate.classical.symmetry import rotation

_USUAL = 3.5  # Å, in place of a resolution that is not known


@dataclass(frozen=True)
class Scene:
    """A map, the model in it, and the resolution in Å that is told; NaN for none."""

    volume: Volume
    structure: Structure
    resolution: float


Change = Callable[[Scene, np.random.Generator], Scene]


def noise(scene: Scene, random: np.random.Generator, *, level: float, low_passed: bool) -> Scene:
    """White noise, or noise up to the resolution, of `level` × the standard deviation that the density has at atoms.

    What a mask has cut away stays as it is.
    """
    volume = scene.volume
    at_atoms = volume.sample(scene.structure.xyz[volume.grid.contains(scene.structure.xyz)])
    added = random.standard_normal(volume.data.shape).astype(np.float32)
    if low_passed:
        shells = Shells(volume.data.shape, volume.voxel_size)
        added = shells.scale(added, np.exp(-((shells.frequency * _resolution(scene)) ** 2)))
        added /= added.std()
    return _with(scene, volume.data + np.float32(level * at_atoms.std()) * added)


def rescaled(scene: Scene, random: np.random.Generator, *, factor: float, offset: float = 0.0) -> Scene:
    """Values × `factor`, and an `offset` in standard deviations of the map."""
    data = np.float32(factor) * (scene.volume.data + np.float32(offset) * scene.volume.data.std())
    return replace(scene, volume=scene.volume.with_data(data))


def b_factor(scene: Scene, random: np.random.Generator, *, b: float) -> Scene:
    """Blurred by `b` Å², or sharpened by -`b`: amplitudes × exp(-b s²/4), beyond the resolution as at the resolution.

    The mask is applied again.
    """
    shells = Shells(scene.volume.data.shape, scene.volume.voxel_size)
    frequency = np.minimum(shells.frequency, 1 / _resolution(scene))
    return _with(scene, shells.scale(scene.volume.data, np.exp(-b * frequency**2 / 4)))


def resampled(scene: Scene, random: np.random.Generator, *, spacing: float) -> Scene:
    """Voxels of `spacing` Å."""
    return replace(scene, volume=resample(scene.volume, grid_at_spacing(scene.volume.grid, spacing)))


def cropped(scene: Scene, random: np.random.Generator) -> Scene:
    """That half of the box, cut across its longest edge, with more atoms."""
    grid = scene.volume.grid
    axis = int(np.argmax(grid.size[::-1]))
    half = grid.shape[axis] // 2
    shape = tuple(half if each == axis else n for each, n in enumerate(grid.shape))
    ends = [tuple(start if each == axis else 0 for each in range(3)) for start in (0, grid.shape[axis] - half)]
    parts = [scene.volume.crop(start, shape) for start in ends]
    return replace(scene, volume=max(parts, key=lambda part: part.grid.contains(scene.structure.xyz).sum()))


def rotated(scene: Scene, random: np.random.Generator, *, degrees: float) -> Scene:
    """Map, by cubic splines, and model turned about an oblique axis through the box's middle, in a box that holds all.

    Outside the former box is background.
    """
    volume, turn = scene.volume, rotation(np.array([1.0, 2.0, 3.0]) / np.sqrt(14), degrees)
    grid = volume.grid
    centre = grid.index_to_world((np.array(grid.shape[::-1]) - 1) / 2)
    step = np.full(3, min(grid.voxel_size))
    counts = np.ceil(np.abs(turn) @ np.array(grid.size) / step).astype(int)
    origin = centre - (counts - 1) / 2 * step
    back = turn.T * step / np.array(grid.voxel_size)[:, None]  # from new voxels (x, y, z) to old ones
    first = (turn.T @ (origin - centre) + centre - grid.origin) / grid.voxel_size
    outside = find_levels(volume).background
    data = affine_transform(volume.data, back[::-1, ::-1], first[::-1], tuple(counts[::-1]), order=3, cval=outside)
    structure = scene.structure.with_xyz((scene.structure.xyz - centre) @ turn.T + centre)
    return replace(
        scene, volume=Volume.on(Grid(tuple(counts[::-1]), tuple(step), tuple(origin)), data), structure=structure
    )


def untold(scene: Scene, random: np.random.Generator) -> Scene:
    """The network is not given the resolution."""
    return replace(scene, resolution=float("nan"))


CHANGES: dict[str, Change] = {
    **{
        f"{kind} noise, {level:g} σ": partial(noise, level=level, low_passed=kind == "low-passed")
        for kind in ("white", "low-passed")
        for level in (0.5, 1.0)
    },
    "values halved": partial(rescaled, factor=0.5),
    "values doubled, offset by 3 σ": partial(rescaled, factor=2.0, offset=3.0),
    **{f"B {b:+d} Å²": partial(b_factor, b=b) for b in (-100, -50, 50, 100)},
    **{f"voxels of {spacing:g} Å": partial(resampled, spacing=spacing) for spacing in (0.65, 1.5, 2.0)},
    "half of the box": cropped,
    "rotated by 37°": partial(rotated, degrees=37.0),
    "resolution not given": untold,
}


def _resolution(scene: Scene) -> float:
    return scene.resolution if scene.resolution == scene.resolution else _USUAL


def _with(scene: Scene, data: np.ndarray) -> Scene:
    """Other values, but for what a mask has cut away."""
    filling = find_levels(scene.volume).filling
    if filling is not None:
        data = np.where(scene.volume.data == np.float32(filling), np.float32(filling), data)
    return replace(scene, volume=scene.volume.with_data(data))
