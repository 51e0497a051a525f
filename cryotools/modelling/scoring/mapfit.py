"""A model against a map: the map beside the one that the model would make, atom by atom and residue by residue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.maps.splat import Gaussians, sigma_of_resolution, splat
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structure import WATER, Structure
from cryotools.modelling.scoring.qscore import SIGMA, q_scores

_AROUND = 2.0  # Å from an atom: the voxels that count for it
_CUTOFF = 4.0  # standard deviations


@dataclass(frozen=True)
class MapFit:
    """A model in a map.

    Attributes
    ----------
    q : float (m,), mean Q-score of the atoms of each residue; NaN where it is not defined
    correlation : float (m,), of the map and a simulated one around the atoms of each residue; NaN without a resolution
    q_mean : mean Q-score of all atoms, of which `q_atoms` have one
    q_backbone : the same for N, CA, C and O
    correlation_mean : mean over residues
    correlation_mask : of the two maps within 2 Å of any atom
    outside : number of residues with an atom outside the map
    """

    q: np.ndarray
    correlation: np.ndarray
    q_mean: float
    q_atoms: int
    q_backbone: float
    correlation_mean: float
    correlation_mask: float
    outside: int

    def figures(self) -> dict[str, float]:
        """The figures of the whole model by name."""
        keys = ("q_mean", "q_backbone", "q_atoms", "correlation_mean", "correlation_mask", "outside")
        return {key: getattr(self, key) for key in keys}


def map_fit(
    volume: Volume,
    structure: Structure,
    residues: Residues,
    resolution: float | None = None,
    q_sigma: float = SIGMA,
    progress: Progress | None = None,
) -> MapFit:
    """Q-scores of the heavy atoms of `structure` in a map, and, with its `resolution` in Å, correlations with the map
    that molmap makes of the model. Waters have no part in it; of alternate locations the most occupied has.
    """
    use = np.flatnonzero(structure.most_occupied() & (structure.element > 1) & (structure.kind != WATER))
    owner, count = residues.of_atom[use], len(residues)
    q = q_scores(volume, structure.xyz[use], q_sigma, progress)
    scored = np.isfinite(q)
    backbone = np.isin(structure.atom_name[use], ("N", "CA", "C", "O")) & (owner >= 0)
    correlation, whole = np.full(count, np.nan), float("nan")
    if resolution is not None:
        correlation, whole = _correlation(volume, structure[use], owner, count, resolution)
    left = ~volume.grid.contains(structure.xyz[use]) & (owner >= 0)
    return MapFit(
        q=_means(q[scored], owner[scored], count),
        correlation=correlation,
        q_mean=_mean(q),
        q_atoms=int(scored.sum()),
        q_backbone=_mean(q[backbone]),
        correlation_mean=_mean(correlation),
        correlation_mask=whole,
        outside=len(np.unique(owner[left])),
    )


def _correlation(
    volume: Volume, atoms: Structure, owner: np.ndarray, count: int, resolution: float
) -> tuple[np.ndarray, float]:
    """Pearson's correlation around each residue (count,), and within 2 Å of any atom."""
    sigma = sigma_of_resolution(resolution)
    gaussians = Gaussians(atoms.xyz, atoms.element.astype(np.float64), np.full(len(atoms), sigma))
    model = splat(gaussians, volume.grid, cutoff=_CUTOFF)
    voxel, residue = _voxels(volume, atoms.xyz, owner)
    every = np.unique(voxel)
    a, b = volume.data.ravel(), model.ravel()
    whole = _pearsons(a[every], b[every], np.zeros(len(every), dtype=int), 1)[0]
    key = np.unique(residue[residue >= 0].astype(np.int64) * volume.data.size + voxel[residue >= 0])
    at, of = key % volume.data.size, key // volume.data.size
    return _pearsons(a[at], b[at], of, count), float(whole)


def _voxels(volume: Volume, xyz: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices (k,) of the voxels within 2 Å of atoms, and the residue (k,) of the atom."""
    size = np.array(volume.voxel_size)
    reach = np.ceil(_AROUND / size).astype(int)
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    index = volume.world_to_index(xyz)
    base = np.rint(index).astype(int)
    shape = np.array(volume.data.shape[::-1])
    voxels, owners = [], []
    for begin in range(0, len(xyz), 10_000):
        near = base[begin : begin + 10_000, None] + steps
        apart = np.linalg.norm((near - index[begin : begin + 10_000, None]) * size, axis=2)
        keep = (apart <= _AROUND) & ((near >= 0) & (near < shape)).all(axis=2)
        x, y, z = near[keep].T
        voxels.append((z * shape[1] + y) * shape[0] + x)
        owners.append(np.broadcast_to(owner[begin : begin + 10_000, None], keep.shape)[keep])
    return np.concatenate(voxels), np.concatenate(owners)


def _pearsons(a: np.ndarray, b: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Pearson's correlation (count,) of values a and b (k,) within each group; NaN for empty ones, and 0 where one is
    constant: a map without density does not fit.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    number = np.bincount(group, minlength=count)
    a, b = (each - (np.bincount(group, each, count) / np.maximum(number, 1))[group] for each in (a, b))
    product, first, second = (np.bincount(group, x * y, count) for x, y in ((a, b), (a, a), (b, b)))
    norm = np.sqrt(first * second)
    return np.divide(product, norm, out=np.where(number > 0, 0.0, np.nan), where=norm > 0)


def _means(values: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    values, group = values[group >= 0], group[group >= 0]
    number = np.bincount(group, minlength=count)
    return np.divide(np.bincount(group, values, count), number, out=np.full(count, np.nan), where=number > 0)


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")
