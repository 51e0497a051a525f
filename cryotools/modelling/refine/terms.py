"""The terms of real-space refinement, as functions of atom positions that torch can differentiate.

All are half the squared deviation in standard deviations, or nats, summed over the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import grid_sample

from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.torsions import backbone_torsions
from cryotools.modelling.geometry.ramachandran import ramachandran_classes, ramachandran_table
from cryotools.modelling.geometry.targets import AtomTable, Targets, geometry_targets

_OMEGA = 5.0  # degrees, the standard deviation of ω
_CIS = 90.0
_SMOOTH = 1.5  # table points (6°) over which the Ramachandran table is smoothed, so that outliers feel it
_TINY = 1e-6


@dataclass(frozen=True)
class _Kind:
    atoms: Tensor
    value: Tensor
    sigma: Tensor


class GeometryTerms:
    """What the stereochemistry of a structure costs, from positions (n, 3)."""

    def __init__(self, structure: Structure, residues: Residues) -> None:
        targets = geometry_targets(structure, residues)
        self.bonds, self.angles, self.chiral = map(_as_tensors, (targets.bonds, targets.angles, targets.chiral))
        self.planes = [_as_tensors(one) for one in targets.planes if len(one)]
        table = AtomTable(structure, residues)
        before = np.flatnonzero(residues.linked & (residues.kind == PROTEIN))
        omega = table.find(before, ("CA", "C", "+N", "+CA"))
        there = (omega >= 0).all(axis=1)
        cis = np.abs(backbone_torsions(residues).omega[before + 1]) < _CIS
        cis &= residues.letters[before + 1] == "P"
        self.omega = torch.from_numpy(omega[there])
        self.turned = torch.from_numpy(np.where(cis[there], 1.0, -1.0)).float()

    def __call__(self, xyz: Tensor) -> Tensor:
        """Nats of all bonds, angles, planes, chiral centres and ω."""
        total = _squares(_lengths(xyz, self.bonds.atoms) - self.bonds.value, self.bonds.sigma)
        total = total + _squares(_angles(xyz, self.angles.atoms) - self.angles.value, self.angles.sigma)
        total = total + _squares(_volumes(xyz, self.chiral.atoms) - self.chiral.value, self.chiral.sigma)
        for plane in self.planes:
            total = total + _squares(_off_plane(xyz, plane.atoms), plane.sigma[:, None])
        cosine, _ = _torsion(xyz, self.omega)
        return total + ((1 - self.turned * cosine) / np.radians(_OMEGA) ** 2).sum()


class RamachandranTerm:
    """Minus the log density of φ and ψ of each residue, from positions (n, 3)."""

    def __init__(self, structure: Structure, residues: Residues) -> None:
        kind = ramachandran_classes(residues)
        table = AtomTable(structure, residues)
        mine = np.flatnonzero(kind >= 0)
        n = table.find(mine, ("N", "CA", "C", "+N"))
        before = table.find(mine - 1, ("C",))
        there = (n >= 0).all(axis=1) & (before[:, 0] >= 0)
        mine, n, before = mine[there], n[there], before[there]
        self.phi = torch.from_numpy(np.column_stack([before, n[:, :3]]))
        self.psi = torch.from_numpy(n)
        self.kind = torch.from_numpy(kind[mine].astype(np.int64))
        values = ramachandran_table().values
        smooth = np.stack([gaussian_filter(np.maximum(one, one.max() - 14), _SMOOTH, mode="wrap") for one in values])
        smooth -= smooth.max(axis=(1, 2), keepdims=True)
        self.size = values.shape[1]
        wrapped = np.pad(smooth, ((0, 0), (1, 1), (1, 1)), mode="wrap")
        self.values = torch.from_numpy(wrapped.astype(np.float32))

    def __call__(self, xyz: Tensor) -> Tensor:
        """Nats of all residues."""
        if not len(self.kind):
            return xyz.sum() * 0
        places = []
        for atoms in (self.phi, self.psi):
            cosine, sine = _torsion(xyz, atoms)
            turn = torch.atan2(sine, cosine) / (2 * np.pi) + 0.5  # 0 to 1 from -180 to 180
            places.append(turn * self.size + 0.5)  # the table's first point is at half a step, after one of margin
        at = [torch.floor(one).long().clamp(0, self.size) for one in places]
        part = [one - low for one, low in zip(places, at, strict=True)]
        corner = [[self.values[self.kind, at[0] + i, at[1] + j] for j in (0, 1)] for i in (0, 1)]
        low, high = (one[0] * (1 - part[1]) + one[1] * part[1] for one in corner)
        return -(low * (1 - part[0]) + high * part[0]).sum()


class MapTerm:
    """Minus the density at the atoms, weighted (n,), in a map (nz, ny, nx) of voxels of `size` Å (x, y, z)."""

    def __init__(self, data: np.ndarray, size: np.ndarray, origin: np.ndarray, weight: np.ndarray) -> None:
        self.data = torch.from_numpy(np.array(data, dtype=np.float32))[None, None]
        extent = (np.array(data.shape[::-1]) - 1) * size
        self.origin = torch.from_numpy(np.asarray(origin, dtype=np.float32))
        self.extent = torch.from_numpy(np.maximum(extent, 1e-3).astype(np.float32))
        self.weight = torch.from_numpy(weight.astype(np.float32))

    def __call__(self, xyz: Tensor) -> Tensor:
        """Minus the weighted sum of densities."""
        place = (2 * (xyz - self.origin) / self.extent - 1)[None, None, None]
        values = grid_sample(self.data, place, mode="bilinear", padding_mode="zeros", align_corners=True)
        return -(values.reshape(-1) * self.weight).sum()


def repulsion(xyz: Tensor, pairs: Tensor, least: Tensor, sigma: float) -> Tensor:
    """Nats of atoms `pairs` (k, 2) nearer than `least` (k,) Å."""
    apart = _lengths(xyz, pairs)
    return 0.5 * ((torch.clamp(least - apart, min=0) / sigma) ** 2).sum()


def _as_tensors(targets: Targets) -> _Kind:
    return _Kind(
        torch.from_numpy(targets.atoms.astype(np.int64)),
        torch.from_numpy(targets.value).float(),
        torch.from_numpy(targets.sigma).float(),
    )


def _squares(deviation: Tensor, sigma: Tensor) -> Tensor:
    return 0.5 * ((deviation / sigma) ** 2).sum()


def _lengths(xyz: Tensor, atoms: Tensor) -> Tensor:
    return torch.sqrt(((xyz[atoms[:, 0]] - xyz[atoms[:, 1]]) ** 2).sum(dim=1) + _TINY)


def _angles(xyz: Tensor, atoms: Tensor) -> Tensor:
    """Degrees."""
    first, last = xyz[atoms[:, 0]] - xyz[atoms[:, 1]], xyz[atoms[:, 2]] - xyz[atoms[:, 1]]
    across = torch.sqrt((torch.linalg.cross(first, last) ** 2).sum(dim=1) + _TINY)
    return torch.atan2(across, (first * last).sum(dim=1)) * (180 / np.pi)


def _volumes(xyz: Tensor, atoms: Tensor) -> Tensor:
    a, b, c = (xyz[atoms[:, k]] - xyz[atoms[:, 0]] for k in (1, 2, 3))
    return (a * torch.linalg.cross(b, c)).sum(dim=1)


def _off_plane(xyz: Tensor, atoms: Tensor) -> Tensor:
    """Distances (k, n) of atoms (k, n) from the best plane of each group, in Å, with sign."""
    points = xyz[atoms]
    points = points - points.mean(dim=1, keepdim=True)
    with torch.no_grad():  # the best plane's own change does not change the sum of squares to first order
        normal = torch.linalg.eigh(points.mT @ points)[1][:, :, 0]
    return (points * normal[:, None]).sum(dim=2)


def _torsion(xyz: Tensor, atoms: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine (k,) of torsions."""
    a, b, c, d = (xyz[atoms[:, k]] for k in range(4))
    along = c - b
    first, last = torch.linalg.cross(b - a, along), torch.linalg.cross(along, d - c)
    length = torch.sqrt((along**2).sum(dim=1) + _TINY)
    sine = (torch.linalg.cross(first, last) * along).sum(dim=1) / length
    cosine = (first * last).sum(dim=1)
    norm = torch.sqrt(sine**2 + cosine**2 + _TINY)
    return cosine / norm, sine / norm
