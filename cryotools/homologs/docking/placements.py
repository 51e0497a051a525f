"""Placements of one structure in a map: refined, different from one another, and compared."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from cryotools.core.maps.splat import sigma_of_resolution
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.selection import PROTEIN_BACKBONE
from cryotools.core.structures.structure import Structure
from cryotools.homologs.docking.evidence import DensityFit, background, density_fit, margin

_SAME = 2.0  # Å of RMSD between placements refined on the blurred map
_BLUR = 2.0  # Å, standard deviation of its Gaussian: it shows the way from farther off
_COMPARED = 5.0  # Å, the finest resolution at which densities are compared: details of homologs differ
_OVERLAP, _NEAR = 0.25, 3.5  # share of Cα within so many Å of another's


class Placements:
    """Different placements of a protein in a prepared map: the positions `xyz` of its atoms in each, and its `fits`."""

    def __init__(self, volume: Volume, protein: Structure, resolution: float) -> None:
        self.volume, self.protein, self.resolution = volume, protein, max(resolution, _COMPARED)
        self.blurred = volume.with_data(gaussian_filter(volume.data, _BLUR))
        self._compared = _at_resolution(volume, resolution, self.resolution)
        self.xyz: list[np.ndarray] = []
        self.fits: list[DensityFit] = []
        self._ca = protein.atom_name == "CA"
        self._backbone = np.isin(protein.atom_name, PROTEIN_BACKBONE)
        self._blurred_ends: list[np.ndarray] = []

    def add(self, start: np.ndarray) -> None:
        """Refine the placement `start` (n, 3), and keep it if it does not end in one that is there already."""
        end = _refined(self.blurred, start, self._backbone)
        if any(rmsd(end[self._ca], other) < _SAME for other in self._blurred_ends):
            return
        self._blurred_ends.append(end[self._ca])
        self.xyz.append(_refined(self.volume, end, self._backbone))
        self.fits.append(density_fit(self._compared, self.protein.with_xyz(self.xyz[-1]), self.resolution))

    @property
    def order(self) -> list[int]:
        """The placements, that of the highest correlation first."""
        return sorted(range(len(self.fits)), key=lambda at: -self.fits[at].correlation)

    def background(self, at: int) -> np.ndarray:
        """Those that placement `at` is compared with (`evidence.background`)."""
        return background(self._details, self._in_place_of(at), at)

    def margin(self, at: int) -> float:
        """How far placement `at` stands out from them (`evidence.margin`)."""
        return margin(self._details, self._in_place_of(at), at)

    @property
    def _details(self) -> np.ndarray:
        return np.array([one.detail for one in self.fits])

    def _in_place_of(self, at: int) -> np.ndarray:
        return np.array([overlap(self.xyz[at][self._ca], other[self._ca]) for other in self.xyz])


def overlap(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether a quarter of the Cα atoms at `one` (n, 3) lie within 3.5 Å of some at `other` (m, 3)."""
    return bool((cKDTree(other).query(one, distance_upper_bound=_NEAR)[0] < _NEAR).mean() > _OVERLAP)


def rmsd(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square distance of corresponding positions (n, 3)."""
    return float(np.sqrt(((one - other) ** 2).sum(axis=1).mean()))


def _at_resolution(volume: Volume, have: float, want: float) -> Volume:
    """A map of resolution `have` blurred to `want`, in Å."""
    squared = sigma_of_resolution(want) ** 2 - sigma_of_resolution(have) ** 2
    return volume.with_data(gaussian_filter(volume.data, np.sqrt(squared))) if squared > 0 else volume


def _refined(volume: Volume, start: np.ndarray, backbone: np.ndarray) -> np.ndarray:
    """Positions of the atoms with the highest mean density at the backbone (mask), by small movements of the whole."""
    middle = start.mean(axis=0)
    reach = float(np.linalg.norm(start - middle, axis=1).mean())

    def moved(step: np.ndarray, xyz: np.ndarray) -> np.ndarray:
        return Rotation.from_rotvec(step[:3] / reach).apply(xyz - middle) + middle + step[3:]

    def loss(step: np.ndarray) -> float:
        return -float(volume.sample(moved(step, start[backbone])).mean())

    found = minimize(loss, np.zeros(6), method="Powell", options={"maxfev": 250, "xtol": 0.05, "ftol": 1e-4})
    return moved(found.x, start)
