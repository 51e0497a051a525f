"""Bond lengths, angles, torsions, volumes and planes of atoms as torch tensors, with gradients."""

from __future__ import annotations

import torch
from torch import Tensor

_TINY = 1e-12  # Å², below which squares of lengths have no gradient


def torch_lengths(xyz: Tensor, atoms: Tensor) -> Tensor:
    """Distances (k,) between pairs of atoms (k, 2) at `xyz` (n, 3)."""
    return _length(xyz[atoms[:, 0]] - xyz[atoms[:, 1]])


def torch_angles(xyz: Tensor, atoms: Tensor) -> Tensor:
    """Angles (k,) in radians at the second of three atoms (k, 3), by an arc tangent, which always has a gradient."""
    first, last = xyz[atoms[:, 0]] - xyz[atoms[:, 1]], xyz[atoms[:, 2]] - xyz[atoms[:, 1]]
    return torch.atan2(_length(torch.linalg.cross(first, last)), (first * last).sum(dim=1))


def torch_torsions(xyz: Tensor, atoms: Tensor) -> Tensor:
    """Torsion angles (k,) in radians of four atoms (k, 4), as `torsion_angles` has them in degrees."""
    a, b, c, d = (xyz[atoms[:, k]] for k in range(4))
    along = c - b
    first, last = torch.linalg.cross(b - a, along), torch.linalg.cross(along, d - c)
    sine = (torch.linalg.cross(first, last) * along).sum(dim=1) / _length(along)
    return torch.atan2(sine, (first * last).sum(dim=1))


def torch_volumes(xyz: Tensor, atoms: Tensor) -> Tensor:
    """Volumes (k,) in Å³ spanned by a centre and three neighbours, atoms (k, 4)."""
    a, b, c = (xyz[atoms[:, k]] - xyz[atoms[:, 0]] for k in (1, 2, 3))
    return (a * torch.linalg.cross(b, c)).sum(dim=1)


def squares_from_plane(xyz: Tensor, atoms: Tensor) -> Tensor:
    """Sum of squared distances (k,) in Å² of atoms (k, n) from their best plane, an eigenvalue of their scatter."""
    points = xyz[atoms]
    points = points - points.mean(dim=1, keepdim=True)
    if not len(atoms):
        return points.sum(dim=(1, 2))
    return torch.linalg.eigvalsh(points.transpose(1, 2) @ points)[:, 0]


def _length(vectors: Tensor) -> Tensor:
    return vectors.square().sum(dim=-1).clamp_min(_TINY).sqrt()
