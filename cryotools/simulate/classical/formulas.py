"""Maps of atoms by formula: a Gaussian per atom, on the scales of ChimeraX's molmap and EMAN2's e2pdb2mrc.py."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import CryotoolsWarning
from cryotools.core.maps.splat import sigma_of_resolution, splat
from cryotools.core.maps.volume import Grid
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.simulate.classical.gaussians import atoms_as_gaussians, unit_height

# the tails beyond 5 sigma stay below 1e-5 of a protein map's maximum (tests/simulate/test_methods.py)
CUTOFF = 5.0
_NARROWEST = 0.45  # standard deviation, in voxels, when a voxel is half the resolution


@dataclass(frozen=True)
class MapOptions:
    """How atoms become density.

    Attributes
    ----------
    resolution : Å
    weights : "number" or "electron", for the classical methods
    occupancy, b_factors : whether atoms are scaled and blurred by the values in the file
    device : compute device; "auto" and "cpu" need no torch for the classical methods
    precision : of the networks; the classical methods always use float32
    sharpness : Å² relative to molmap at that resolution; None is 0, or left to the network
    sample : seed of the vae-gan's sample; None is the mean
    network : file made by train-gan; None is the shipped one
    """

    resolution: float
    weights: str = "number"
    occupancy: bool = True
    b_factors: bool = False
    device: str = "auto"
    precision: str = "fp32"
    sharpness: float | None = None
    sample: int | None = None
    network: str | None = None


def molmap_density(
    structure: Structure, grid: Grid, options: MapOptions, progress: Progress | None = None
) -> np.ndarray:
    """Density on the scale of ChimeraX's molmap: the integral over space (Å³) is the sum of the weights."""
    gaussians = atoms_as_gaussians(
        structure,
        options.resolution,
        weights=options.weights,
        occupancy=options.occupancy,
        b_factors=options.b_factors,
        sharpness=options.sharpness or 0.0,
    )
    if options.sharpness and gaussians.sigma.min() < _NARROWEST * max(grid.voxel_size):
        warnings.warn(
            f"voxels of {max(grid.voxel_size):.3g} A are too large for atoms sharpened by {options.sharpness:g} A^2; "
            f"{gaussians.sigma.min() / _NARROWEST:.2g} A would",
            CryotoolsWarning,
            stacklevel=2,
        )
    if options.device in ("auto", "cpu"):
        return splat(gaussians, grid, cutoff=CUTOFF, progress=progress)
    import torch

    from cryotools.core.compute.device import resolve_device

    device = resolve_device(options.device)
    density = splat(gaussians, grid, cutoff=CUTOFF, backend=torch, device=device, progress=progress)
    return density.cpu().numpy()


def pdb2mrc_density(
    structure: Structure, grid: Grid, options: MapOptions, progress: Progress | None = None
) -> np.ndarray:
    """Density on the scale of EMAN2's e2pdb2mrc.py: an isolated atom without B factor peaks at its weight."""
    data = molmap_density(structure, grid, options, progress)
    data /= np.float32(unit_height(sigma_of_resolution(options.resolution)))
    return data
