"""The search of docking: all orientations at all positions on a coarse grid.

The score is the correlation of a band of frequencies (a Laplacian of a Gaussian of both, as in P. Chacón & W. Wriggers,
J. Mol. Biol. 317, 375, 2002), for all positions at once by a Fourier transform.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfftn, next_fast_len, rfftn
from scipy.spatial.transform import Rotation

from cryotools.core.compute.tiles import bounding_box
from cryotools.core.maps.prepare import stands_out
from cryotools.core.maps.resample import resample
from cryotools.core.maps.volume import Grid, Volume, shape_of, triple_of
from cryotools.core.progress import Progress
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.selection import PROTEIN_BACKBONE
from cryotools.core.structures.structure import Structure

_COARSE = 3.0  # Å, voxels of the search
_WIDTH = 3.0  # Å, standard deviation of the Gaussian of the search: about 13 Å resolution


def search(
    volume: Volume, protein: Structure, rotations: Rotation, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """The best score of each rotation (n,) of a protein centred at 0 in a prepared map, and the position (n, 3) in Å of
    its centre that gives it.
    """
    volume = _occupied(volume)
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
    points, weights = _points(protein)
    corners = np.stack(np.meshgrid(*[(0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    scores, places = np.empty(len(rotations)), np.empty((len(rotations), 3))
    norm = 0.0
    progress.start(len(rotations), "docking")
    for number, turn in enumerate(rotations.as_matrix()):
        index = (points @ turn.T / _COARSE)[:, ::-1]
        first = np.floor(index).astype(int)
        part = np.stack([1 - (index - first), index - first])  # of the lower and the upper voxel, (2, n, 3)
        z, y, x = corners.T
        share = part[z, :, 0] * part[y, :, 1] * part[x, :, 2] * weights
        flat = np.ravel_multi_index(tuple(((first + corners[:, None]) % shape).reshape(-1, 3).T), shape)
        template = np.bincount(flat, weights=share.ravel(), minlength=int(np.prod(shape))).reshape(shape)
        spectrum = rfftn(template.astype(np.float32))
        score = irfftn(target * spectrum.conj(), s=shape)[tuple(slice(n) for n in coarse.shape)]
        best = np.unravel_index(int(score.argmax()), score.shape)
        norm = norm or float(np.sqrt((np.abs(spectrum * band) ** 2).sum()))  # the same for all, but for the lattice
        scores[number] = score[best] / norm
        places[number] = inside.index_to_world(np.array(best[::-1], dtype=float))
        progress.advance()
    return scores, places


def _points(protein: Structure) -> tuple[np.ndarray, np.ndarray]:
    """The centre of each residue's backbone, and that of its side chain (n, 3), and their electrons (n,): enough for
    Gaussians of 3 Å.
    """
    residue = find_residues(protein).of_atom
    group = 2 * residue + ~np.isin(protein.atom_name, PROTEIN_BACKBONE)
    used = residue >= 0
    weights = np.bincount(group[used], weights=protein.element[used])
    sums = [np.bincount(group[used], weights=(protein.element * xyz)[used]) for xyz in protein.xyz.T]
    there = weights > 0
    return np.stack(sums, axis=1)[there] / weights[there, None], weights[there]


def _occupied(volume: Volume) -> Volume:
    """The part of a prepared map that stands out from its background; solvent only costs time."""
    box = bounding_box(stands_out(volume.data))
    if box is None:
        return volume
    return volume.crop(shape_of(one.start for one in box), shape_of(one.stop - one.start for one in box))
