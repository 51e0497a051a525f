"""Rigid docking of a structure into a map: all orientations and positions on a coarse grid, then refinement.

The coarse score is the correlation of a band of frequencies (a Laplacian of a Gaussian of both, as in P. Chacón &
W. Wriggers, J. Mol. Biol. 317, 375, 2002), for all positions at once by a Fourier transform. The best placements are
refined on the map on voxels of 1 Å, and scored there by their local correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfftn, next_fast_len, rfftn
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from cryotools.core.errors import DataError
from cryotools.core.maps.resample import resample
from cryotools.core.maps.splat import Gaussians, sigma_of_resolution, splat
from cryotools.core.maps.volume import Grid, Volume, shape_of, triple_of
from cryotools.core.progress import NoProgress, Progress
from cryotools.core.structures.selection import PROTEIN_BACKBONE
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.homologs.docking.rotations import even_rotations

_COARSE = 3.0  # Å, voxels of the search
_WIDTH = 3.0  # Å, standard deviation of the Gaussian of the search: about 13 Å resolution
_AROUND = 8.0  # Å beyond the atoms in which density is compared
_DISTINCT = 5.0  # Å of RMSD between placements
_OVERLAP, _NEAR = 0.25, 3.5  # share of Cα within so many Å of an earlier copy's
_FEWEST = 20  # residues
SIGNIFICANT = 3.9  # standard deviations of the scores of other orientations
LEAST_CORRELATION = 0.12


@dataclass(frozen=True)
class Docking:
    """How a search is done: orientations tried, and placements refined of those."""

    orientations: int = 2400
    refined: int = 12


@dataclass(frozen=True)
class DockedStructure:
    """A structure in a map.

    Attributes
    ----------
    structure : the docked atoms, moved into the map
    correlation : about the mean, with the map in the prepared form, within 3 Å of the atoms
    z_score : the coarse score of its orientation in standard deviations above the mean of all orientations
    """

    structure: Structure
    correlation: float
    z_score: float

    @property
    def significant(self) -> bool:
        """Whether the placement is unlikely to be a chance hit."""
        return self.z_score >= SIGNIFICANT and self.correlation >= LEAST_CORRELATION

    def overlaps(self, other: DockedStructure) -> bool:
        """Whether a quarter of its Cα atoms lie within 3.5 Å of another's."""
        mine, theirs = (one.structure.xyz[one.structure.atom_name == "CA"] for one in (self, other))
        return bool((cKDTree(theirs).query(mine)[0] < _NEAR).mean() > _OVERLAP)


def dock(
    volume: Volume,
    structure: Structure,
    resolution: float,
    *,
    copies: int | None = None,
    settings: Docking = Docking(),
    progress: Progress | None = None,
) -> list[DockedStructure]:
    """Placements of the protein of `structure` in a prepared map (`core.maps.prepare`), the best first: `copies` of
    them that do not overlap, or, for None, as many as are significant; at least one.

    Raises
    ------
    DataError
        The structure has fewer than 20 residues of protein.
    """
    protein = structure[
        (structure.kind == PROTEIN) & (structure.element != 1) & (structure.model == structure.model[0])
    ]
    if (protein.atom_name == "CA").sum() < _FEWEST:
        raise DataError(f"{structure.name}: has fewer than {_FEWEST} residues of protein; nothing to dock")
    protein = protein.with_xyz(protein.xyz - protein.xyz.mean(axis=0))
    rotations = even_rotations(settings.orientations)
    scores, places = _search(volume, protein, rotations, progress or NoProgress())
    z = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    found: list[DockedStructure] = []
    ca = protein.atom_name == "CA"
    seen: list[np.ndarray] = []
    for at in np.argsort(-scores):
        start = rotations[int(at)].apply(protein.xyz) + places[at]
        if any(np.sqrt(((start[ca] - other) ** 2).sum(axis=1).mean()) < _DISTINCT for other in seen):
            continue
        seen.append(start[ca])
        xyz = _refined(volume, protein, start)
        found.append(
            DockedStructure(protein.with_xyz(xyz), _correlation(volume, protein.with_xyz(xyz), resolution), z[at])
        )
        if len(seen) == settings.refined:
            break
    found.sort(key=lambda one: -one.correlation)
    return _apart(found, copies)


def _search(
    volume: Volume, protein: Structure, rotations: Rotation, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """The best score of each rotation (n,), and the position (n, 3) in Å of the structure's centre that gives it."""
    reach = float(np.linalg.norm(protein.xyz, axis=1).max())
    low = np.array(volume.origin)
    size = np.array(volume.grid.size)
    inside = Grid(shape_of(np.maximum(np.ceil(size / _COARSE), 2)[::-1]), (_COARSE,) * 3, triple_of(low))
    coarse = resample(volume, inside).data
    shape = [next_fast_len(n + int(np.ceil(reach / _COARSE)), real=True) for n in coarse.shape]
    frequency = [np.fft.fftfreq(n, _COARSE) for n in shape[:2]] + [np.fft.rfftfreq(shape[2], _COARSE)]
    squared = frequency[0][:, None, None] ** 2 + frequency[1][:, None] ** 2 + frequency[2] ** 2
    gauss = np.exp(-2 * np.pi**2 * _WIDTH**2 * squared)
    band = (squared * gauss).astype(np.float32)
    target = rfftn(coarse, s=shape) * band**2 / band.max() ** 2
    weights = protein.element.astype(np.float64)
    corners = np.stack(np.meshgrid(*[(0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    scores, places = np.empty(len(rotations)), np.empty((len(rotations), 3))
    progress.start(len(rotations), "docking")
    for number, turn in enumerate(rotations.as_matrix()):
        index = (protein.xyz @ turn.T / _COARSE)[:, ::-1]
        first = np.floor(index).astype(int)
        part = index - first
        share = np.prod(np.where(corners[:, None], part, 1 - part), axis=2) * weights
        flat = np.ravel_multi_index(tuple(((first + corners[:, None]) % shape).reshape(-1, 3).T), shape)
        template = np.bincount(flat, weights=share.ravel(), minlength=int(np.prod(shape))).reshape(shape)
        spectrum = rfftn(template.astype(np.float32))
        score = irfftn(target * spectrum.conj(), s=shape)[tuple(slice(n) for n in coarse.shape)]
        best = np.unravel_index(int(score.argmax()), score.shape)
        norm = float(np.sqrt((np.abs(spectrum * band) ** 2).sum()))
        scores[number] = score[best] / norm
        places[number] = inside.index_to_world(np.array(best[::-1], dtype=float))
        progress.advance()
    return scores, places


def _refined(volume: Volume, protein: Structure, start: np.ndarray) -> np.ndarray:
    """Positions of the atoms with the highest mean density at the backbone, by small movements of the whole."""
    middle = start.mean(axis=0)
    backbone = np.isin(protein.atom_name, PROTEIN_BACKBONE)
    reach = float(np.linalg.norm(start - middle, axis=1).mean())

    def moved(step: np.ndarray, xyz: np.ndarray) -> np.ndarray:
        return Rotation.from_rotvec(step[:3] / reach).apply(xyz - middle) + middle + step[3:]

    for blurred in (_blurred(volume, 2.0), volume):  # the first sees farther

        def loss(step: np.ndarray, seen: Volume = blurred, xyz: np.ndarray = start[backbone]) -> float:
            return -float(seen.sample(moved(step, xyz)).mean())

        found = minimize(loss, np.zeros(6), method="Powell", options={"maxfev": 250, "xtol": 0.05, "ftol": 1e-4})
        start = moved(found.x, start)
        middle = start.mean(axis=0)
    return start


def _blurred(volume: Volume, sigma: float) -> Volume:
    from scipy.ndimage import gaussian_filter

    return volume.with_data(gaussian_filter(volume.data, sigma))


def _correlation(volume: Volume, structure: Structure, resolution: float) -> float:
    """Correlation about the mean of the map with the structure's density at `resolution`, near its atoms."""
    first = np.floor(volume.grid.world_to_index(structure.xyz.min(axis=0) - _AROUND)).astype(int)
    last = np.ceil(volume.grid.world_to_index(structure.xyz.max(axis=0) + _AROUND)).astype(int)
    first = np.maximum(first, 0)
    last = np.minimum(last, np.array(volume.data.shape[::-1]) - 1)
    if np.any(last <= first):
        return 0.0
    part = volume.crop(shape_of(first[::-1]), shape_of((last - first + 1)[::-1]))
    sigma = np.full(len(structure), sigma_of_resolution(resolution))
    model = splat(Gaussians(structure.xyz, structure.element.astype(np.float64), sigma), part.grid, cutoff=4.0)
    near = model > 0.02 * model.max()
    return float(np.corrcoef(model[near], part.data[near])[0, 1]) if near.sum() > 10 else 0.0


def _apart(found: Sequence[DockedStructure], copies: int | None) -> list[DockedStructure]:
    """Placements that do not overlap, in order: `copies` of them, or the significant ones, at least one."""
    kept: list[DockedStructure] = []
    for one in found:
        if any(one.overlaps(other) for other in kept):
            continue
        if not kept or (len(kept) < copies if copies is not None else one.significant):
            kept.append(one)
    return kept
