"""Apply the network of amino acids to residues of a map, given their Cα atoms or their frames."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from cryotools.anchors.frames import cubes, frames
from cryotools.anchors.network import TYPES, ResidueType
from cryotools.core.compute.runner import Compute, Runner
from cryotools.nn.conditions import resolution_conditions
from cryotools.nn.folded import folded

_AT_ONCE = 128  # cubes per batch


class _Told(nn.Module):
    """The network with fixed conditions (k,)."""

    conditions: Tensor

    def __init__(self, network: ResidueType, conditions: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("conditions", conditions[None])

    def forward(self, seen: Tensor) -> Tensor:
        return self.network(seen, self.conditions.expand(len(seen), -1))


def types_in_frames(
    network: ResidueType,
    density: np.ndarray,
    index: np.ndarray,
    axes: np.ndarray,
    resolution: float | None,
    compute: Compute | None = None,
) -> np.ndarray:
    """Logits float32 (n, 21), not yet divided by the temperature, of residues whose Cα atoms lie at `index` (n, 3), in
    voxels (x, y, z) of a prepared map `density` (nz, ny, nx), in the frames `axes` (n, 3, 3).
    """
    compute = compute or Compute()
    told = folded(_Told(network, torch.from_numpy(resolution_conditions(resolution))))
    runner = Runner(told, Compute(compute.device, compute.precision, compute.threads, compute.batch or _AT_ONCE))
    found = []
    for begin in range(0, len(index), 8 * _AT_ONCE):
        part = slice(begin, begin + 8 * _AT_ONCE)
        seen = torch.from_numpy(cubes(density, index[part], axes[part]))
        found += [one.numpy() for one in runner.run(iter(seen))]
    return np.stack(found) if found else np.zeros((0, TYPES), dtype=np.float32)


def types_at(
    network: ResidueType,
    density: np.ndarray,
    before: np.ndarray,
    here: np.ndarray,
    after: np.ndarray,
    resolution: float | None,
    compute: Compute | None = None,
) -> np.ndarray:
    """`types_in_frames` for residues whose preceding, own and following Cα lie at these positions (n, 3), in voxels
    (x, y, z) of the prepared map.
    """
    return types_in_frames(network, density, here, frames(before, here, after), resolution, compute)
