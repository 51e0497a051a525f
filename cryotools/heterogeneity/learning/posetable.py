"""Small corrections of the particles' poses, learned together with a reconstruction."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class PoseTable(nn.Module):
    """A rotation and a shift for each of n images, 0 at first, with a normal prior of the given spreads.

    Parameters
    ----------
    angle : degrees
    shift : cycles of the highest frequency unit, i.e. fractions of the box
    """

    def __init__(self, n: int, angle: float, shift: float) -> None:
        super().__init__()
        self.table = nn.Embedding(n, 5, sparse=True)
        nn.init.zeros_(self.table.weight)
        self.spread = math.radians(angle), shift

    def forward(self, index: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For images with `index` (b,) and rotations (b, 3, 3): corrected rotations, shifts (b, 2) as fractions of the
        box by which their projections lie off the centre, and the negative logarithm of the prior, mean per image.
        """
        unit = self.table(index)
        angle, shift = self.spread
        turned = torch.matrix_exp(_cross(angle * unit[:, :3])) @ rotations
        return turned, shift * unit[:, 3:], 0.5 * unit.square().sum(dim=1).mean()


def _cross(vectors: Tensor) -> Tensor:
    """The antisymmetric matrices (b, 3, 3) of vectors (b, 3)."""
    x, y, z = vectors.T
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(-1, 3, 3)
