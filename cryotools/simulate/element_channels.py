"""The five channels of the VAE-GAN (cryo-GAN): hydrogen, carbon, oxygen, sulphur, nitrogen.

No atom is lost: what is heavier than oxygen (phosphorus, sulphur, metals) goes to the sulphur channel, boron and
lighter elements to carbon's; each weighs its atomic number. Hydrogens that a model lacks are spread around the atoms
that carry them, since most models of cryo-EM maps come without.
"""

from __future__ import annotations

import numpy as np

from cryotools.core.distance import near_points
from cryotools.core.splat import Gaussians, splat
from cryotools.core.structure import Structure
from cryotools.core.volume import Grid
from cryotools.simulate.gaussians import sigma_of_resolution, unit_height

ELEMENT_CHANNELS = ("H", "C", "O", "S", "N")
_CARBON, _NITROGEN, _OXYGEN = 6, 7, 8
_FINE = 2.0  # Å
_CUTOFF = 4.0
_NEAR = 3.0  # Å
_BOND = 1.0  # Å, from an atom to its hydrogens

# hydrogens at neutral pH: each word is an atom's name and their number
_MAIN_CHAIN = "N1 CA1"
_SIDE_CHAINS = {
    "ALA": "CB3",
    "ARG": "CB2 CG2 CD2 NE1 NH12 NH22",
    "ASN": "CB2 ND22",
    "ASP": "CB2",
    "CYS": "CB2 SG1",
    "GLN": "CB2 CG2 NE22",
    "GLU": "CB2 CG2",
    "GLY": "CA2",
    "HIS": "CB2 ND11 CD21 CE11",
    "ILE": "CB1 CG12 CG23 CD13",
    "LEU": "CB2 CG1 CD13 CD23",
    "LYS": "CB2 CG2 CD2 CE2 NZ3",
    "MET": "CB2 CG2 CE3",
    "MSE": "CB2 CG2 CE3",
    "PHE": "CB2 CD11 CD21 CE11 CE21 CZ1",
    "PRO": "N0 CB2 CG2 CD2",
    "SER": "CB2 OG1",
    "THR": "CB1 OG11 CG23",
    "TRP": "CB2 CD11 NE11 CE31 CZ21 CZ31 CH21",
    "TYR": "CB2 CD11 CD21 CE11 CE21 OH1",
    "VAL": "CB1 CG13 CG23",
}
_SUGAR = "C5'2 C4'1 C3'1 C2'1 O2'1 C1'1"
_BASES = {
    "A": "C8_1 C2_1 N6_2",
    "C": "C5_1 C6_1 N4_2",
    "G": "C8_1 N1_1 N2_2",
    "U": "C5_1 C6_1 N3_1",
    "DA": "C2'2 C8_1 C2_1 N6_2",
    "DC": "C2'2 C5_1 C6_1 N4_2",
    "DG": "C2'2 C8_1 N1_1 N2_2",
    "DT": "C2'2 C7_3 C6_1 N3_1",
}


def element_channels(structure: Structure, grid: Grid) -> np.ndarray:
    """Density of each channel's atoms as molmap at 2 Å, float32 (5, nz, ny, nx); the 99th percentile near atoms of all
    of them together is 1.
    """
    heavy = structure[structure.element != 1]
    z = heavy.element.astype(np.float64)
    carbon_like = (z > 1) & (z <= _CARBON)
    members = [carbon_like, z == _OXYGEN, z > _OXYGEN, z == _NITROGEN]
    channels = [_density(heavy, grid, np.where(mask, z, 0.0), 0.0) for mask in members]
    near = near_points(grid, heavy.xyz, _NEAR)
    total = sum(channels)
    level = float(np.percentile(total[near], 99)) if near.any() else 1.0
    scaled = [channel / np.float32(level) for channel in [_hydrogen_density(structure, grid), *channels]]
    return np.stack(scaled)


def implied_hydrogens(structure: Structure) -> np.ndarray:
    """How many hydrogens each atom (n,) carries that the file does not hold, by its name in the common residues.

    Residues of which the file holds a hydrogen are taken to be complete.
    """
    residue = structure.residue_index()
    complete = np.zeros(int(residue[-1]) + 1, dtype=bool)
    complete[residue[structure.element == 1]] = True
    counts = np.zeros(len(structure))
    for at in np.flatnonzero(~complete[residue]):
        counts[at] = _COUNTS.get((str(structure.residue_name[at]), str(structure.atom_name[at])), 0)
    return counts


def _hydrogen_density(structure: Structure, grid: Grid) -> np.ndarray:
    there = (structure.element == 1).astype(np.float64)
    return _density(structure, grid, there, 0.0) + _density(structure, grid, implied_hydrogens(structure), _BOND)


def _density(atoms: Structure, grid: Grid, weight: np.ndarray, spread: float) -> np.ndarray:
    """`weight` (n,) of atoms as Gaussians at 2 Å, each spread over a sphere of radius `spread` Å."""
    kept = weight > 0
    if not kept.any():
        return np.zeros(grid.shape, dtype=np.float32)
    sigma = np.full(int(kept.sum()), np.sqrt(sigma_of_resolution(_FINE) ** 2 + spread**2 / 3))
    return splat(Gaussians(atoms.xyz[kept], weight[kept] * unit_height(sigma), sigma), grid, cutoff=_CUTOFF)


def _table() -> dict[tuple[str, str], int]:
    """Hydrogens by residue and atom name."""
    counts = {}
    for common, residues in ((_MAIN_CHAIN, _SIDE_CHAINS), (_SUGAR, _BASES)):
        for name, own in residues.items():
            for word in f"{common} {own}".split():
                counts[name, word[:-1].rstrip("_")] = int(word[-1])
    return counts


_COUNTS = _table()
