"""Inputs of the learned simulators: made by the same function in training and in use, so they cannot differ.

Channels, each on voxels of 1 Å and scaled so that its 99th percentile near atoms is 1:
molmap at 2 Å, at the resolution, at 1.4 × it, at the resolution with B factors; nitrogen, oxygen, heavier atoms,
carboxylate oxygens (radiation weakens them), side chains beyond CB, nucleic acid, all at 2 Å; and the local
crowding within about 5 and 12 Å (buried atoms are well ordered). Four numbers apply to the whole map: the resolution,
whether B factors are known, the sharpness and whether it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryotools.core.compute.regions import Box, blocks_within, box_atoms, cover
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.splat import Gaussians, sigma_of_resolution, splat
from cryotools.core.maps.volume import Grid, shape_of
from cryotools.core.structures.structure import NUCLEIC, PROTEIN, Structure
from cryotools.simulate.classical.gaussians import unit_height

DENSITY_CHANNELS = 12
SIMULATOR_CONDITIONS = 4
NEAR = 3.0  # Å
_WIDE = (1, 2, 3)  # channels of molmap at the resolution, at 1.4 × it, and with B factors
_CROWDED = (10, 11)  # channels of the surroundings
_FINE = 2.0  # Å, the resolution of the atom-type channels
_BLURRED = 1.4
_CUTOFF = 4.0
_SURROUNDINGS = (5.0, 12.0)  # Å, standard deviations
_LARGEST_B = 300.0  # Å² above the lowest; higher values are clipped
_TRUNCATED = 3.0  # standard deviations
_LARGEST_PART = 8_000_000  # voxels of a part and its surroundings, whose levels are measured at a time
_BLOCK = 4  # voxels
_MAIN_CHAIN = ("N", "CA", "C", "O", "CB", "OXT")


@dataclass(frozen=True)
class Condition:
    """Requested properties of a map: `resolution` in Å; use of the model's B factors; `sharpness` in Å² relative to
    molmap at that resolution (`simulate.learned.sharpness`), or None to leave it to the network.
    """

    resolution: float
    b_factors: bool = True
    sharpness: float | None = None


class DensityChannels:
    """The density channels of a structure on a grid, computed in parts; hydrogens are left out.

    Levels are measured over the whole grid, so a part is the same as in a single pass. Without `b_factors` the
    B-factor channel repeats molmap, as the network sees it when they are not used.
    """

    def __init__(self, structure: Structure, grid: Grid, resolution: float, *, b_factors: bool = True) -> None:
        atoms = structure[structure.element != 1]
        self._grid = grid
        self._xyz, self._element = atoms.xyz, atoms.element
        self._members = _members(atoms)
        self._wide = [np.full(len(atoms), sigma_of_resolution(resolution * factor)) for factor in (1.0, _BLURRED)]
        if b_factors:
            self._wide.append(np.sqrt(self._wide[0] ** 2 + relative_b_factors(atoms) / (8 * np.pi**2)))
        self._levels = self._measure()

    def part(self, box: Box) -> np.ndarray:
        """Channels float32 (DENSITY_CHANNELS, *box.shape) of a box; zeros beyond the grid."""
        channels = np.zeros((DENSITY_CHANNELS, *box.shape), dtype=np.float32)
        inside = box.inside(self._grid.shape)
        if not min(inside.shape):
            return channels
        place = inside.slices(of=box.start)
        for (number, density), level in zip(self._scaled_alone(inside), self._levels, strict=True):
            np.divide(density, level, out=channels[(number, *place)])
        if len(self._wide) < len(_WIDE):
            channels[_WIDE[-1]] = channels[_WIDE[0]]
        near = self._near(inside)
        for number, members in enumerate(self._members, start=_WIDE[-1] + 1):
            density = self._density(near[members[near]], inside)
            np.divide(density, self._levels[0], out=channels[(number, *place)])
        return channels

    def _scaled_alone(self, box: Box) -> Iterator[tuple[int, np.ndarray]]:
        """The channels that have their own levels, by number, not yet scaled."""
        margins = [round(_TRUNCATED * max(_SURROUNDINGS) / step + 0.5) for step in self._grid.voxel_size[::-1]]
        around = Box(
            shape_of(a - m for a, m in zip(box.start, margins, strict=True)),
            shape_of(n + 2 * m for n, m in zip(box.shape, margins, strict=True)),
        ).inside(self._grid.shape)
        everything = self._density(self._near(around), around)
        yield 0, everything[box.slices(of=around.start)]
        near = self._near(box)
        for number, sigma in zip(_WIDE, self._wide, strict=False):
            yield number, self._density(near, box, sigma)
        for number, blur in zip(_CROWDED, _SURROUNDINGS, strict=True):
            yield number, _surroundings(everything, self._grid, blur, box.slices(of=around.start))

    def _measure(self) -> list[np.float32]:
        """The 99th percentiles near atoms of the channels that have their own levels, in order."""
        values: list[list[np.ndarray]] = []
        margin = -(-round(_TRUNCATED * max(_SURROUNDINGS) / min(self._grid.voxel_size)) // _BLOCK) * _BLOCK
        held = blocks_within(self._grid, self._xyz, NEAR, _BLOCK)
        for box in cover(held, halo=margin, largest=_LARGEST_PART):
            box = box.inside(self._grid.shape)
            near = near_points(box.grid(self._grid), self._xyz[self._near(box)], NEAR)
            values.append([density[near] for _, density in self._scaled_alone(box)])
        return [_level(np.concatenate(parts)) for parts in zip(*values, strict=True)]

    def _near(self, box: Box) -> np.ndarray:
        """Indices of the atoms whose density reaches a box of the grid."""
        reach = max(NEAR, _CUTOFF * max(sigma.max(initial=0) for sigma in self._wide))
        return box_atoms(self._grid, box, self._xyz, reach)

    def _density(self, atoms: np.ndarray, box: Box, sigma: np.ndarray | None = None) -> np.ndarray:
        """Density of `atoms` (indices) in a box, with the widths `sigma` of all atoms, or at 2 Å."""
        if not len(atoms):
            return np.zeros(box.shape, dtype=np.float32)
        widths = np.full(len(atoms), sigma_of_resolution(_FINE)) if sigma is None else sigma[atoms]
        gaussians = Gaussians(self._xyz[atoms], self._element[atoms] * unit_height(widths), widths)
        return splat(gaussians, box.grid(self._grid), cutoff=_CUTOFF)


def density_channels(structure: Structure, grid: Grid, resolution: float) -> np.ndarray:
    """The density channels, float32 (DENSITY_CHANNELS, nz, ny, nx); hydrogens are left out."""
    return DensityChannels(structure, grid, resolution).part(Box((0, 0, 0), grid.shape))


def simulator_conditions(condition: Condition) -> np.ndarray:
    """The numbers (SIMULATOR_CONDITIONS,) that apply to the whole map."""
    given = condition.sharpness is not None
    return np.array(
        [
            (condition.resolution - 4.0) / 2.0,
            float(condition.b_factors),
            (condition.sharpness or 0.0) / 200.0,
            float(given),
        ],
        dtype=np.float32,
    )


def with_condition(density: np.ndarray, condition: Condition) -> np.ndarray:
    """The channels (DENSITY_CHANNELS, nz, ny, nx) float32 as the network sees them: without B factors their channel
    repeats molmap.
    """
    channels = np.array(density, dtype=np.float32)
    if not condition.b_factors:
        channels[3] = channels[1]
    return channels


def relative_b_factors(structure: Structure) -> np.ndarray:
    """B factors (n,) in Å² above the structure's lowest (its 5th percentile), from 0 to 300."""
    lowest = np.percentile(structure.b_factor, 5)
    return np.clip(structure.b_factor.astype(np.float64) - lowest, 0, _LARGEST_B)


def _members(atoms: Structure) -> list[np.ndarray]:
    """Masks (n,) of the atoms of each atom-type channel."""
    protein = atoms.kind == PROTEIN
    carboxylate = (
        protein & np.isin(atoms.residue_name, ("ASP", "GLU")) & np.isin(atoms.atom_name, ("OD1", "OD2", "OE1", "OE2"))
    )
    side_chain = protein & ~np.isin(atoms.atom_name, _MAIN_CHAIN)
    nitrogen, oxygen, heavier = atoms.element == 7, atoms.element == 8, atoms.element > 8
    return [nitrogen, oxygen, heavier, carboxylate, side_chain, atoms.kind == NUCLEIC]


def _surroundings(density: np.ndarray, grid: Grid, sigma: float, part: tuple[slice, slice, slice]) -> np.ndarray:
    """`part` of `density` blurred by a Gaussian of `sigma` Å truncated at 3 sigma; zeros beyond `density`.

    One matrix per axis: matrix products are fast, and only the values needed for the part are computed.
    """
    for axis, wanted in enumerate(part):
        width = sigma / grid.voxel_size[2 - axis]
        radius = int(_TRUNCATED * width + 0.5)
        kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / width) ** 2)
        apart = np.arange(wanted.start, wanted.stop)[:, None] - np.arange(density.shape[axis])
        place = np.clip(apart, -radius - 1, radius + 1) + radius + 1
        weights = np.pad(kernel / kernel.sum(), 1)[place]
        density = np.moveaxis(np.tensordot(weights.astype(np.float32), density, axes=(1, axis)), 0, axis)
    return density


def _level(values: np.ndarray) -> np.float32:
    """The 99th percentile of values near atoms (n,), or 1 if that is not positive."""
    level = np.percentile(values, 99) if len(values) else 0.0
    return np.float32(level if level > 0 else 1.0)
