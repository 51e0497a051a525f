"""Positional encodings: spatial frequencies as sines and cosines, so that a small network can tell near ones apart.

Formulas are those of cryoDRGN (E. Zhong et al., Nat. Methods 18, 176, 2021, and its later Gaussian default), whose
decoders can so be evaluated here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from cryotools.core.errors import check_choice

GAUSSIAN, FULL, FOURIER, LOW, NOT_HIGH, LINEAR = (
    *("gaussian", "geom_full", "geom_ft"),
    *("geom_lowf", "geom_nohighf", "linear_lowf"),
)
ENCODINGS = (GAUSSIAN, FULL, FOURIER, LOW, NOT_HIGH, LINEAR)


class Encoding(nn.Module):
    """Frequencies (…, 3) in cycles per voxel, x, y, z from -0.5 to 0.5 → features (…, `size`).

    Parameters
    ----------
    kind : one of ENCODINGS; gaussian draws directions at random, the others have a series of wave numbers per axis
    box : D, voxels
    count : n, wave numbers per axis (None: D // 2); gaussian has 3 n random vectors
    sigma : standard deviation of the random vectors, in units of D // 2

    Raises
    ------
    UsageError
        There is no such kind.
    """

    waves: Tensor

    def __init__(self, kind: str, box: int, count: int | None = None, sigma: float = 0.5) -> None:
        super().__init__()
        check_choice("encoding", kind, ENCODINGS)
        self.kind, n = kind, count or box // 2
        waves = sigma * (box // 2) * torch.randn(3 * n, 3) if kind == GAUSSIAN else wave_numbers(kind, box, n)
        self.register_buffer("waves", waves)
        self.size = 6 * n

    def forward(self, frequencies: Tensor) -> Tensor:
        with torch.autocast(frequencies.device.type, enabled=False):  # angles of many turns need their digits
            if self.kind == GAUSSIAN:
                angle = frequencies @ self.waves.T
            else:
                angle = (frequencies[..., None] * self.waves).flatten(-2)
            return torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)


def wave_numbers(kind: str, box: int, count: int) -> Tensor:
    """The wave numbers (count,) of one axis, by which a frequency is multiplied before sine and cosine."""
    half = box / 2
    if kind == LINEAR:
        return torch.arange(1.0, half + 1)[:count]
    part = torch.arange(count) / max(count - 1, 1)
    first, last = {
        FOURIER: (2 * half * math.pi, 2 * math.pi),
        FULL: (box * math.pi, 1.0),
        LOW: (half, 1.0),
        NOT_HIGH: (half, 2 * math.pi),
    }[kind]
    return first * (last / first) ** part
