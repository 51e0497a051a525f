"""What a reconstruction predicts of images, and the operations on their Fourier values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Predicted(NamedTuple):
    """Values (b, m, 2) of images, their scale (b,), z (b, zdim) and its divergence (b,), and the prior of poses."""

    values: Tensor
    scale: Tensor
    latent: Tensor | None
    divergence: Tensor
    prior: Tensor

    def error(self, values: Tensor) -> Tensor:
        """The mean squared error (b,) for images with these values (b, ≥ m, 2)."""
        return (self.values - values[:, : self.values.shape[1]]).square().mean(dim=(1, 2))


def image_scale(found: Tensor, values: Tensor, spread: float) -> Tensor:
    """The most probable scales (b,), around 1 with this `spread`, of predictions (b, m, 2) that are to be `values`,
    with noise of variance 1; 1 if the spread is 0. Without gradient.
    """
    if not spread:
        return found.new_ones(len(found))
    with torch.no_grad():
        product, power = ((found * other).sum(dim=(1, 2)) for other in (values, found))
        return ((product + spread**-2) / (power + spread**-2)).clamp(min=0)


def moved(values: Tensor, shifts: Tensor, frequencies: Tensor) -> Tensor:
    """Values (b, m, 2) of images moved by `shifts` (b, 2), pixels, at `frequencies` (m, 2), cycles per pixel."""
    angle = -2 * np.pi * shifts @ frequencies.T
    cosine, sine = torch.cos(angle), torch.sin(angle)
    real, imaginary = values.unbind(dim=-1)
    return torch.stack([real * cosine - imaginary * sine, real * sine + imaginary * cosine], dim=-1)
