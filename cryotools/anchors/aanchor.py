"""AAnchor, the published network, for comparison: a 3D CNN that names the amino acid around a voxel.

M. Rozanov & H. J. Wolfson, AAnchor: CNN guided detection of anchor amino acids in high resolution cryo-EM density maps
(IEEE BIBM 2018). Kept of it: cubes of 11 voxels of 1 Å, 21 classes, and a residue being where its centre of mass is
within 1.5 Å of the cube's central voxel. The number and width of layers are ours, as no code of theirs is available:
unpadded convolutions alone, so that the network applied to a map gives at each voxel what it gives for the cube around
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.anchors.network import TYPES
from cryotools.core.compute.checkpoint import Architecture
from cryotools.core.compute.wrappers import Tiling, Wrapper

AANCHOR_CUBE = 11  # voxels along an edge
AANCHOR_RADIUS = 1.5  # Å from a residue's centre of mass to the centre of a cube that shows it
_WIDER = (1, 1, 2, 4, 4)  # × the width, the channels after each convolution


@dataclass(frozen=True)
class AAnchorConfig:
    """Channels of the first two of five convolutions (`width`, four times as many in the last); logits are divided by
    `temperature`, which is fitted after training.
    """

    width: int = 32
    temperature: float = 1.0


class AAnchor(nn.Module):
    """Prepared maps (b, 1, z, y, x) → logits (b, 21, z - 10, y - 10, x - 10): the amino acids in the order of
    AMINO_ACIDS, and NONE. A cube of 11 voxels has one voxel of output. The resolution is not an input.
    """

    halo = margin = AANCHOR_CUBE // 2
    multiple = 1
    tiling = Tiling(largest=100, most=1_000_000, beyond=halo, bytes_per_voxel=1000)

    def __init__(self, config: AAnchorConfig) -> None:
        super().__init__()
        self.config = config
        widths = [1, *(config.width * wider for wider in _WIDER)]
        self.layers = nn.Sequential(*(_unpadded(*pair) for pair in pairwise(widths)))
        self.last = nn.Conv3d(widths[-1], TYPES, 1)

    def forward(self, density: Tensor) -> Tensor:
        return self.last(self.layers(density))


class AAnchorProbabilities(Wrapper):
    """`AAnchor` applied to tiles (b, 1, tile) of a map: calibrated probabilities (b, 21, tile), float32; 0 in a tile's
    margin, which the network does not predict.
    """

    network: AAnchor

    def forward(self, tiles: Tensor) -> Tensor:
        logits = self.network(tiles).float() / self.network.config.temperature
        return functional.pad(torch.softmax(logits, dim=1), (self.network.margin,) * 6)


def _unpadded(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


AANCHOR = Architecture("aanchor", AAnchorConfig, AAnchor)
