"""The five channels of the VAE-GAN (cryo-GAN): hydrogen, carbon, oxygen, sulphur, nitrogen.

No atom is lost: elements heavier than oxygen (phosphorus, sulphur, metals) go to the sulphur channel, boron and
lighter ones to carbon's; each atom is weighted by its atomic number. Hydrogens missing from a model are smeared out
around the atoms that carry them, since most cryo-EM models lack them.
"""

from __future__ import annotations

import numpy as np

from cryotools.core.compute.regions import Box, blocks_within, box_atoms, cover
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.splat import Gaussians, sigma_of_resolution, splat
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.structure import Structure
from cryotools.simulate.classical.gaussians import unit_height

ELEMENT_CHANNELS = ("H", "C", "O", "S", "N")
_CARBON, _NITROGEN, _OXYGEN = 6, 7, 8
_FINE = 2.0  # Å
_CUTOFF = 4.0
_NEAR = 3.0  # Å
_BOND = 1.0  # Å, from an atom to its hydrogens
_REACH = 4.0  # Å, beyond any atom's density
_BLOCK, _LARGEST_PART = 4, 8_000_000  # voxels of a block, and of a part measured at a time

# hydrogens at neutral pH: each word is an atom's name and its number of hydrogens
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


class ElementChannels:
    """Density of each channel's atoms of a structure on a grid, like molmap at 2 Å, computed in parts. The 99th
    percentile of all non-hydrogen channels together, near atoms over the whole grid, is 1.
    """

    def __init__(self, structure: Structure, grid: Grid) -> None:
        self._grid = grid
        self._xyz = structure.xyz
        z = structure.element.astype(np.float64)
        heavy = z != 1
        carbon_like = (z > 1) & (z <= _CARBON)
        members = [carbon_like, z == _OXYGEN, z > _OXYGEN, z == _NITROGEN]
        self._hydrogens = [((~heavy).astype(np.float64), 0.0), (implied_hydrogens(structure), _BOND)]
        self._weights = [np.where(mask, z, 0.0) for mask in members]
        self._level = np.float32(1)
        self._level = self._measure(np.flatnonzero(heavy))

    def part(self, box: Box) -> np.ndarray:
        """Channels float32 (5, *box.shape) of a box; zeros beyond the grid."""
        channels = np.zeros((len(ELEMENT_CHANNELS), *box.shape), dtype=np.float32)
        inside = box.inside(self._grid.shape)
        if min(inside.shape):
            place = inside.slices(of=box.start)
            near = box_atoms(self._grid, inside, self._xyz, _REACH)
            hydrogen, *others = channels
            for weight, spread in self._hydrogens:
                hydrogen[place] += self._density(near, weight, spread, inside)
            for channel, weight in zip(others, self._weights, strict=True):
                channel[place] = self._density(near, weight, 0.0, inside)
            channels /= self._level
        return channels

    def _measure(self, heavy: np.ndarray) -> np.float32:
        """The 99th percentile of the non-hydrogen density near the atoms `heavy` (indices)."""
        values = []
        for box in cover(blocks_within(self._grid, self._xyz[heavy], _NEAR, _BLOCK), halo=0, largest=_LARGEST_PART):
            box = box.inside(self._grid.shape)
            near = near_points(box.grid(self._grid), self._xyz[heavy], _NEAR)
            values.append(self.part(box)[1:].sum(axis=0)[near])
        return np.float32(np.percentile(np.concatenate(values), 99) if values else 1.0)

    def _density(self, atoms: np.ndarray, weight: np.ndarray, spread: float, box: Box) -> np.ndarray:
        """`weight` (n,) of `atoms` (indices) as Gaussians at 2 Å, each smeared over a sphere of radius `spread` Å."""
        atoms = atoms[weight[atoms] > 0]
        if not len(atoms):
            return np.zeros(box.shape, dtype=np.float32)
        sigma = np.full(len(atoms), np.sqrt(sigma_of_resolution(_FINE) ** 2 + spread**2 / 3))
        gaussians = Gaussians(self._xyz[atoms], weight[atoms] * unit_height(sigma), sigma)
        return splat(gaussians, box.grid(self._grid), cutoff=_CUTOFF)


def element_channels(structure: Structure, grid: Grid) -> np.ndarray:
    """The channels of a whole grid, float32 (5, nz, ny, nx); see `ElementChannels`."""
    return ElementChannels(structure, grid).part(Box((0, 0, 0), grid.shape))


def implied_hydrogens(structure: Structure) -> np.ndarray:
    """The number of hydrogens on each atom (n,) that are missing from the file, by its name in the common residues.

    Residues with any hydrogen in the file are taken to be complete.
    """
    residue = structure.residue_index()
    complete = np.zeros(int(residue[-1]) + 1, dtype=bool)
    complete[residue[structure.element == 1]] = True
    counts = np.zeros(len(structure))
    for at in np.flatnonzero(~complete[residue]):
        counts[at] = _COUNTS.get((str(structure.residue_name[at]), str(structure.atom_name[at])), 0)
    return counts


def _table() -> dict[tuple[str, str], int]:
    """Hydrogens by residue and atom name."""
    counts = {}
    for common, residues in ((_MAIN_CHAIN, _SIDE_CHAINS), (_SUGAR, _BASES)):
        for name, own in residues.items():
            for word in f"{common} {own}".split():
                counts[name, word[:-1].rstrip("_")] = int(word[-1])
    return counts


_COUNTS = _table()
