"""What tells a structure that is in a map from one that is not: how far it stands out from its other placements.

Chance placements of any protein correlate with a map, the more the coarser it is, so that a correlation says little by
itself. The placements of one structure share all that makes them do so, its size, its shape and the map's envelope;
only that of a structure that is there stands out, by the detail that is left without the envelope.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from cryotools.core.maps.splat import Gaussians, sigma_of_resolution, splat
from cryotools.core.maps.volume import Volume, shape_of
from cryotools.core.structures.structure import Structure

_AROUND = 8.0  # Å beyond the atoms in which density is compared
_NEAR = 0.02  # × the largest density of the structure; voxels below are not compared
_ENVELOPE = 4.0  # Å, standard deviation of the Gaussian that is subtracted
_COPY = 0.8  # × the correlation
_WEIGHTS = (-7.25, 51.34)  # of 1 and the margin: one of 0.141 is as likely right as not


@dataclass(frozen=True)
class DensityFit:
    """Correlations about the mean of a map with a structure's density, near its atoms: as they are, and without what a
    Gaussian of 4 Å keeps of each.
    """

    correlation: float
    detail: float


def density_fit(volume: Volume, structure: Structure, resolution: float) -> DensityFit:
    """How well a structure fits a prepared map where it is, at `resolution` in Å; zeros outside the map."""
    first = np.floor(volume.grid.world_to_index(structure.xyz.min(axis=0) - _AROUND)).astype(int)
    last = np.ceil(volume.grid.world_to_index(structure.xyz.max(axis=0) + _AROUND)).astype(int)
    first = np.maximum(first, 0)
    last = np.minimum(last, np.array(volume.data.shape[::-1]) - 1)
    if np.any(last <= first):
        return DensityFit(0.0, 0.0)
    part = volume.crop(shape_of(first[::-1]), shape_of((last - first + 1)[::-1]))
    sigma = np.full(len(structure), sigma_of_resolution(resolution))
    model = splat(Gaussians(structure.xyz, structure.element.astype(np.float64), sigma), part.grid, cutoff=4.0)
    near = model > _NEAR * model.max()
    if near.sum() <= 10:
        return DensityFit(0.0, 0.0)
    sharper = [one - gaussian_filter(one, _ENVELOPE) for one in (model, part.data)]
    return DensityFit(_correlation(model[near], part.data[near]), _correlation(sharper[0][near], sharper[1][near]))


def background(details: np.ndarray, overlap: np.ndarray, at: int) -> np.ndarray:
    """The placements (k,) that placement `at` is compared with, by the detail correlations (n,) of all and `overlap`
    (n,), whether they are in its place: those there, and elsewhere those that cannot be another copy, of less than 0.8
    of its correlation.
    """
    return np.flatnonzero((overlap | (details < _COPY * details[at])) & (np.arange(len(details)) != at))


def margin(details: np.ndarray, overlap: np.ndarray, at: int) -> float:
    """The detail correlation of placement `at` above the median of its background; 0 without any."""
    others = background(details, overlap, at)
    return float(details[at] - np.median(details[others])) if len(others) else 0.0


def fit_probability(above: float) -> float:
    """That a placement with the margin `above` is right: a logistic function fitted on structures that are in maps and
    on others that are not, one and the other counting the same.
    """
    constant, slope = _WEIGHTS
    return float(expit(constant + slope * above))


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    found = np.corrcoef(one, other)[0, 1]
    return float(found) if np.isfinite(found) else 0.0
