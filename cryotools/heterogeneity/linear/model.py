"""Volumes of a linear subspace: a mean and components, as a file keeps them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cryotools.core.compute.checkpoint import Architecture


@dataclass(frozen=True)
class LinearConfig:
    """Volumes of `box` voxels and `zdim` components."""

    box: int
    zdim: int


class LinearVolumes(nn.Module):
    """z (b, zdim) → volumes (b, D, D, D): `mean` (D, D, D) plus the sum of z times `components` (zdim, D, D, D)."""

    mean: Tensor
    components: Tensor

    def __init__(self, config: LinearConfig) -> None:
        super().__init__()
        shape = (config.box,) * 3
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("components", torch.zeros(config.zdim, *shape))

    def forward(self, latent: Tensor) -> Tensor:
        return self.mean + torch.tensordot(latent, self.components, dims=1)


LINEAR = Architecture("linear-subspace", LinearConfig, LinearVolumes)
