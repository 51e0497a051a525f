"""Ground truth for voxels: the class of each voxel of a map, determined from a model built into it.

The rules are Haruspex's (P. Mostosi et al., Angew. Chem. 59, 14788, 2020), interpreted as follows. Density is measured
in σ above the mean over all voxels of the map, so labels do not depend on the map's scale or offset; σ is large if the
box is tight around the molecule. An element is a run of bonded residues of one class. A voxel belongs to it if it lies
within 3 Å of one of its backbone atoms (in nucleic acids, of any of its atoms) and its density exceeds half of the mean
at the element's backbone atoms. If elements of two classes claim a voxel, the rarer class wins: nucleotides before
sheets before helices, and all of them before coil and background, which share one class. The model does not determine
the class of density without atoms, nor of residues with an incomplete backbone or without density: these voxels do not
count.

With precedence by rarity, an element claims the coil at its ends within its reach: on 30 experimental maps 15 % of the
Cα atoms in voxels of helices or sheets belong to another class. `conflicts="nearest"` assigns a claimed voxel to the
class of the nearest backbone atom instead, including coil.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from cryotools.core.errors import DataError
from cryotools.core.maps.levels import in_sigma
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.residues import backbone_means, polymer_backbone
from cryotools.core.structures.structure import Structure
from cryotools.sse.truth.assign import HELIX, NUCLEOTIDE, OTHER, SHEET, ClassedResidues

REACH = 3.0  # Å from an element's atoms to its voxels
LEVEL = 0.5  # of the mean at an element's backbone
LEAST_SIGMA = 1.0  # σ; anything lower counts as no density
UNMODELLED = 5.0  # Å; density farther than this from all atoms is unmodelled

_BY_RARITY = (HELIX, SHEET, NUCLEOTIDE)  # commonest first, so that rarer classes overwrite it
_AT_ONCE = 2_000_000  # atom-voxel pairs held in memory


@dataclass(frozen=True)
class Labels:
    """Classes of a map's voxels.

    Attributes
    ----------
    classes : uint8 (nz, ny, nx), one of OTHER (includes background), HELIX, SHEET, NUCLEOTIDE
    counted : bool (nz, ny, nx), False where the model leaves the class open: exclude these from losses and scores
    """

    classes: np.ndarray
    counted: np.ndarray


def label_voxels(
    volume: Volume, structure: Structure, residues: ClassedResidues, conflicts: Literal["rarity", "nearest"] = "rarity"
) -> Labels:
    """The labels of `volume` from the model `structure`, which overlays it and whose `residues` are assigned.

    A voxel claimed by several classes gets the rarest of them, or that of the nearest backbone atom.

    Raises
    ------
    DataError
        The map is constant, or no atom of the model lies in it.
    """
    sigma = in_sigma(volume)
    _check(volume, structure, residues)
    belongs = residues.of_atom >= 0
    which = np.where(belongs, residues.classes[residues.of_atom], OTHER)
    mean = _element_sigma(sigma, structure, residues)[residues.of_atom]
    dense = mean >= LEAST_SIGMA  # False for NaN
    reaching = belongs & (structure.element != 1) & (polymer_backbone(structure) | (which == NUCLEOTIDE))
    classes = np.full(volume.data.shape, OTHER, dtype=np.uint8)
    for one in _BY_RARITY:
        atoms = reaching & dense & (which == one)
        classes[sigma.data > _lowest(volume.grid, structure.xyz[atoms], LEVEL * mean[atoms])] = one
    if conflicts == "nearest":
        rival = reaching & (dense | (which == OTHER))
        _give_to_nearest(classes, volume.grid, structure.xyz[rival], which[rival])
    untold = belongs & (~residues.known[residues.of_atom] | ((which != OTHER) & ~dense))
    counted = np.isinf(_lowest(volume.grid, structure.xyz[untold], np.zeros(untold.sum())))
    counted &= ~_unmodelled(sigma, structure)
    return Labels(classes, counted | (classes != OTHER))


def _element_sigma(sigma: Volume, structure: Structure, residues: ClassedResidues) -> np.ndarray:
    """Mean density (m,) at the backbone of the element that each residue belongs to; NaN if none is in the map."""
    element = residues.elements()
    of_atom = np.where(residues.of_atom >= 0, element[residues.of_atom], -1)
    return backbone_means(sigma, structure, of_atom, element[-1] + 1)[element]


def _give_to_nearest(classes: np.ndarray, grid: Grid, xyz: np.ndarray, which: np.ndarray) -> None:
    """Give every labelled voxel of `classes` the class `which` (k,) of the nearest atom in `xyz` (k, 3)."""
    labelled = np.argwhere(classes != OTHER)
    if len(labelled):
        _, nearest = cKDTree(xyz).query(grid.index_to_world(labelled[:, ::-1]))
        classes[tuple(labelled.T)] = which[nearest]


def _unmodelled(sigma: Volume, structure: Structure) -> np.ndarray:
    """Mask (nz, ny, nx) of density too far from any non-hydrogen atom to belong to it."""
    strong = np.argwhere(sigma.data >= LEAST_SIGMA)
    places = sigma.grid.index_to_world(strong[:, ::-1])
    tree = cKDTree(structure.xyz[structure.element != 1])
    distance, _ = tree.query(places, distance_upper_bound=UNMODELLED)
    mask = np.zeros(sigma.data.shape, dtype=bool)
    mask[tuple(strong[np.isinf(distance)].T)] = True
    return mask


def _lowest(grid: Grid, xyz: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The lowest `value` (k,) among the atoms at `xyz` (k, 3) within reach of each voxel, float32 (nz, ny, nx);
    infinite if there are none.
    """
    lowest = np.full(grid.n_voxels, np.inf, dtype=np.float32)
    shape, step = np.array(grid.shape[::-1]), np.array(grid.voxel_size)
    offsets = _offsets(step)
    index = grid.world_to_index(xyz)
    for start in range(0, len(xyz), max(1, _AT_ONCE // len(offsets))):
        part = slice(start, start + max(1, _AT_ONCE // len(offsets)))
        voxel = np.rint(index[part]).astype(np.int64)[:, None] + offsets
        near = (((voxel - index[part, None]) * step) ** 2).sum(axis=-1) <= REACH**2
        near &= np.all((voxel >= 0) & (voxel < shape), axis=-1)
        x, y, z = voxel[near].T
        atom, _ = np.nonzero(near)
        np.minimum.at(lowest, (z * shape[1] + y) * shape[0] + x, value[part][atom].astype(np.float32))
    return lowest.reshape(grid.shape)


def _offsets(step: np.ndarray) -> np.ndarray:
    """Offsets (k, 3) from the voxel nearest to an atom to those possibly within reach, for voxel sizes `step` (3,)."""
    most = np.ceil(REACH / step + 0.5).astype(int)
    box = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in most], indexing="ij"), axis=-1).reshape(-1, 3)
    closest = np.maximum(np.abs(box) - 0.5, 0) * step
    return box[(closest**2).sum(axis=1) <= REACH**2]


def _check(volume: Volume, structure: Structure, residues: ClassedResidues) -> None:
    if len(residues.of_atom) != len(structure):
        raise ValueError(f"residues of {len(residues.of_atom)} atoms do not belong to a structure of {len(structure)}")
    if not volume.grid.contains(structure.xyz).any():
        low, high = (", ".join(f"{v:.0f}" for v in corner) for corner in structure.bounds())
        raise DataError(
            f"{structure.name}: no atom lies in the map; the model spans ({low}) to ({high}) A, "
            f"the map begins at ({', '.join(f'{v:.0f}' for v in volume.origin)}) A"
        )
