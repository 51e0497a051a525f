"""Density of molecules whose atoms move: side chains fade towards their ends, as in experimental maps.

In a map from a formula, a lysine is as clear as a leucine. In an experiment its end is mobile, and carboxylates lose
density to radiation damage and to their negative charge (J. M. Grant et al.; J. Wang & P. B. Moore, Protein Sci. 26,
122, 2017). A network that is to name amino acids has to know both.
"""

from __future__ import annotations

import numpy as np

from cryotools.core.maps.splat import Gaussians, sigma_of_resolution, splat
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.selection import PROTEIN_BACKBONE
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.simulate.classical.formulas import CUTOFF
from cryotools.simulate.classical.gaussians import unit_height

_SHARPER = (0.6, 1.15)  # × the resolution, for the width of atoms at rest; a low-pass filter ends the map anyway
_RECORDED = 0.6  # fraction of boxes that use the B factors of the file, if it has any
_SCALE = (0.4, 1.2)  # × the recorded B factors
_GROWTH = (0.0, 25.0)  # Å² of B per Å from Cα
_RESIDUES = 0.6  # standard deviation of ln(growth) between residues
_CARBOXYLATE = {("ASP", "OD1"), ("ASP", "OD2"), ("GLU", "OE1"), ("GLU", "OE2")}
_CHARGED = (0.2, 1.0)  # × the density of their oxygens
_MOST = 400.0  # Å²


def mobile_density(structure: Structure, grid: Grid, resolution: float, random: np.random.Generator) -> np.ndarray:
    """The density of `structure` at about `resolution` Å with random mobilities, float32 (nz, ny, nx); a protein's
    99th percentile is 1.

    Atoms are Gaussians of variance sigma² + B / (8 pi²). B is the file's, above that of the least mobile atoms and
    scaled, or none; to it comes a growth with the distance from Cα, different for each residue.
    """
    b = np.zeros(len(structure))
    recorded = np.nan_to_num(structure.b_factor.astype(np.float64))
    if len(b) and np.ptp(recorded) > 1 and random.random() < _RECORDED:
        b = np.maximum(recorded - np.percentile(recorded, 5), 0) * random.uniform(*_SCALE)
    b = np.minimum(b + _growth(structure, random), _MOST)
    sigma = np.sqrt((sigma_of_resolution(resolution) * random.uniform(*_SHARPER)) ** 2 + b / (8 * np.pi**2))
    weight = structure.element.astype(np.float64)
    names = zip(structure.residue_name, structure.atom_name, strict=True)
    charged = np.array([name in _CARBOXYLATE for name in names], dtype=bool)
    weight[charged] *= random.uniform(*_CHARGED)
    density = splat(Gaussians(structure.xyz, weight * unit_height(sigma), sigma), grid, cutoff=CUTOFF)
    return density / np.float32(max(np.percentile(density, 99), 1e-6))


def _growth(structure: Structure, random: np.random.Generator) -> np.ndarray:
    """B factors (n,) in Å² that grow along side chains."""
    residue = structure.residue_index()
    count = int(residue[-1]) + 1 if len(residue) else 0
    ca = np.full((count, 3), np.nan)
    at = (structure.atom_name == "CA") & (structure.kind == PROTEIN)
    ca[residue[at]] = structure.xyz[at]
    distance = np.nan_to_num(np.linalg.norm(structure.xyz - ca[residue], axis=1))
    side = (structure.kind == PROTEIN) & ~np.isin(structure.atom_name, PROTEIN_BACKBONE)
    slope = random.uniform(*_GROWTH) * np.exp(random.normal(0, _RESIDUES, count))
    return np.where(side, slope[residue] * distance, 0.0)
