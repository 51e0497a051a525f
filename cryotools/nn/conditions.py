"""Map-wide numbers given to a network along with the map, as its resolution, and the layers that take them."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from cryotools.core.compute.wrappers import Wrapper
from cryotools.core.errors import ArgumentError

RESOLUTION_CONDITIONS = 2
_MIDDLE, _SPREAD = 4.0, 2.0  # Å, offset and scale of the resolution
_RESOLUTIONS = (1.0, 15.0)  # Å; values beyond are clipped


def resolution_conditions(resolution: float | None) -> np.ndarray:
    """The resolution in Å, scaled, and whether it is known, float32 (RESOLUTION_CONDITIONS,); None if unknown.

    Raises
    ------
    UsageError
        The resolution is not a positive number.
    """
    if resolution is None:
        return np.zeros(RESOLUTION_CONDITIONS, dtype=np.float32)
    if not (np.isfinite(resolution) and resolution > 0):
        raise ArgumentError("resolution", f"{resolution:g}", "give a positive number of angstroms")
    return np.array([(np.clip(resolution, *_RESOLUTIONS) - _MIDDLE) / _SPREAD, 1.0], dtype=np.float32)


class Conditioned(Wrapper):
    """A network with its conditions (k,) fixed, for application to maps."""

    conditions: Tensor

    def __init__(self, network: nn.Module, conditions: Tensor) -> None:
        super().__init__(network)
        self.register_buffer("conditions", conditions[None])

    def forward(self, tiles: Tensor) -> Tensor:
        return self.network(tiles, self.conditions.expand(len(tiles), -1))


class Modulation(nn.Module):
    """Features (b, c, …) scaled and shifted by functions of conditions (b, k); the identity before training."""

    def __init__(self, conditions: int, width: int) -> None:
        super().__init__()
        first, last = nn.Linear(conditions, 32), nn.Linear(32, 2 * width)
        self.layers = nn.Sequential(first, nn.SiLU(), last)
        set_to_zero(last)

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        scale, shift = self.layers(conditions)[:, :, None, None, None].chunk(2, dim=1)
        return x * (1 + scale) + shift


def set_to_zero(layer: nn.Module) -> None:
    """Set all weights and biases of a layer to 0."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
