"""What the learned simulators see of a structure: made by one function in training and in use, so they cannot differ.

Channels, each on voxels of 1 Å and scaled so that its 99th percentile near atoms is 1:
molmap at 2 Å, at the resolution, at 1.4 × it, at the resolution with B factors; nitrogen, oxygen, heavier atoms,
carboxylate oxygens (radiation weakens them), side chains beyond CB, nucleic acid, all at 2 Å; and how crowded the
surroundings are within some 5 and 12 Å (what is buried is ordered). Beside them four numbers that hold for the whole
map: the resolution, whether B factors are known, the sharpness and whether it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from cryotools.core.distance import near_points
from cryotools.core.splat import Gaussians, splat
from cryotools.core.structure import NUCLEIC, PROTEIN, Structure
from cryotools.core.volume import Grid
from cryotools.simulate.gaussians import sigma_of_resolution, unit_height

DENSITY_CHANNELS = 12
CONDITIONS = 4
NEAR = 3.0  # Å
_FINE = 2.0  # Å, the resolution of the channels that say what lies where
_BLURRED = 1.4
_CUTOFF = 4.0
_SURROUNDINGS = (5.0, 12.0)  # Å, standard deviations
_LARGEST_B = 300.0  # Å², beyond the lowest; more says no more
_MAIN_CHAIN = ("N", "CA", "C", "O", "CB", "OXT")


@dataclass(frozen=True)
class Condition:
    """What is asked of a map: `resolution` in Å; use of the model's B factors; `sharpness` in Å² over molmap at that
    resolution (`simulate.sharpness`), or None where it is left to the network.
    """

    resolution: float
    b_factors: bool = True
    sharpness: float | None = None


def density_channels(structure: Structure, grid: Grid, resolution: float) -> np.ndarray:
    """The channels that are density, float32 (DENSITY_CHANNELS, nz, ny, nx); hydrogens are left out."""
    atoms = structure[structure.element != 1]
    protein = atoms.kind == PROTEIN
    carboxylate = (
        protein & np.isin(atoms.residue_name, ("ASP", "GLU")) & np.isin(atoms.atom_name, ("OD1", "OD2", "OE1", "OE2"))
    )
    everything = np.ones(len(atoms), dtype=bool)
    fine = {
        "all": everything,
        "nitrogen": atoms.element == 7,
        "oxygen": atoms.element == 8,
        "heavier": atoms.element > 8,
        "carboxylate": carboxylate,
        "side chain": protein & ~np.isin(atoms.atom_name, _MAIN_CHAIN),
        "nucleic": atoms.kind == NUCLEIC,
    }
    sigma = sigma_of_resolution(_FINE)
    sharp = [_density(atoms[mask], grid, np.full(mask.sum(), sigma)) for mask in fine.values()]
    wide = [np.full(len(atoms), sigma_of_resolution(resolution * factor)) for factor in (1.0, _BLURRED)]
    wide.append(np.sqrt(wide[0] ** 2 + relative_b_factors(atoms) / (8 * np.pi**2)))
    broad = [_density(atoms, grid, sigmas) for sigmas in wide]
    near = near_points(grid, atoms.xyz, NEAR)
    reference = _level(sharp[0], near)
    around = [_surroundings(sharp[0], grid, sigma) for sigma in _SURROUNDINGS]
    widened = [b / _level(b, near) for b in broad]
    crowded = [a / _level(a, near) for a in around]
    return np.stack([sharp[0] / reference, *widened, *(s / reference for s in sharp[1:]), *crowded])


def condition_vector(condition: Condition) -> np.ndarray:
    """The numbers (CONDITIONS,) that hold for the whole map."""
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
    """B factors (n,) in Å² over the structure's lowest (its 5th percentile), from 0 to 300."""
    lowest = np.percentile(structure.b_factor, 5)
    return np.clip(structure.b_factor.astype(np.float64) - lowest, 0, _LARGEST_B)


def _density(atoms: Structure, grid: Grid, sigma: np.ndarray) -> np.ndarray:
    if not len(atoms):
        return np.zeros(grid.shape, dtype=np.float32)
    return splat(Gaussians(atoms.xyz, atoms.element * unit_height(sigma), sigma), grid, cutoff=_CUTOFF)


def _surroundings(density: np.ndarray, grid: Grid, sigma: float) -> np.ndarray:
    """`density` blurred by a Gaussian of `sigma` Å; beyond the grid lies nothing."""
    voxels = [sigma / step for step in grid.voxel_size[::-1]]
    return gaussian_filter(density, voxels, mode="constant", truncate=3.0)


def _level(density: np.ndarray, near: np.ndarray) -> np.float32:
    level = np.percentile(density[near], 99) if near.any() else 0.0
    return np.float32(level if level > 0 else 1.0)
