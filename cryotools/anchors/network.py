"""The networks: `Trace` finds where chains run, `ResidueType` names the amino acid in a residue's frame. The published
network, for comparison, is in `anchors.aanchor`.

Both are told the map's resolution, or that it is unknown, by `nn.conditions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.anchors.frames import CUBE
from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.core.compute.checkpoint import Architecture
from cryotools.core.compute.wrappers import Wrapper
from cryotools.nn.conditions import RESOLUTION_CONDITIONS, Modulation
from cryotools.nn.unet import UNet, UNetBased, UNetConfig, convolution, fold

NONE = len(AMINO_ACIDS)  # the class of a wrong frame, or of no residue
TYPES = NONE + 1
CHANNELS = ("ca", "offset_x", "offset_y", "offset_z", "path", "other", "helix", "strand", "p", "c4", "c1")
CA, PATH, P, C4, C1 = (CHANNELS.index(name) for name in ("ca", "path", "p", "c4", "c1"))
OFFSET, STATE = (slice(CHANNELS.index(first), CHANNELS.index(first) + 3) for first in ("offset_x", "other"))


@dataclass(frozen=True)
class TraceConfig:
    """Channels at the finest level and number of levels of the U-Net; `temperature` divides the Cα logits."""

    width: int = 24
    levels: int = 3
    temperature: float = 1.0


class Trace(UNetBased):
    """Prepared maps (b, 1, z, y, x) and their conditions (b, 2) → the channels CHANNELS (b, 11, z, y, x).

    ca, path, p, c4 and c1 are logits of being at such a point, offset the vector in Å from a voxel to the nearest Cα,
    other, helix and strand logits of the secondary structure.
    """

    def __init__(self, config: TraceConfig) -> None:
        super().__init__()
        self.config = config
        self.unet = UNet(UNetConfig(1, len(CHANNELS), RESOLUTION_CONDITIONS, config.width, config.levels))

    def forward(self, density: Tensor, conditions: Tensor) -> Tensor:
        return self.unet(density, conditions)


class Tracer(Wrapper):
    """`Trace` with fixed conditions (k,), applied to tiles (b, 1, tile) of a map: the same channels, with probabilities
    instead of logits, float32.
    """

    vectors = CHANNELS.index("offset_x")
    conditions: Tensor
    network: Trace

    def __init__(self, network: Trace, conditions: Tensor) -> None:
        super().__init__(network)
        self.register_buffer("conditions", conditions[None])

    def forward(self, tiles: Tensor) -> Tensor:
        found = self.network(tiles, self.conditions.expand(len(tiles), -1)).float()
        found[:, CA] /= self.network.config.temperature
        found[:, STATE] = torch.softmax(found[:, STATE], dim=1)
        for channel in (CA, PATH, P, C4, C1):
            found[:, channel] = torch.sigmoid(found[:, channel])
        return found


@dataclass(frozen=True)
class ResidueTypeConfig:
    """Channels at the finest of three levels, size of the `embedding`, `dropout` in training.

    Logits are divided by `temperature`, which is fitted after training.
    """

    width: int = 40
    embedding: int = 128
    dropout: float = 0.2
    temperature: float = 1.0


class ResidueType(nn.Module):
    """Cubes (b, 1, 16, 16, 16) in residues' frames (`anchors.frames`) and conditions (b, 2) → logits (b, 21): the
    amino acids in the order of AMINO_ACIDS, and NONE: a wrong frame, or no residue.
    """

    def __init__(self, config: ResidueTypeConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        self.stages = nn.ModuleList(
            nn.Sequential(convolution(inputs, outputs), convolution(outputs, outputs))
            for inputs, outputs in ((8, w), (w, 2 * w), (2 * w, 4 * w))
        )
        self.modulate = nn.ModuleList(Modulation(RESOLUTION_CONDITIONS, width) for width in (w, 2 * w, 4 * w))
        self.adapt = nn.Linear(4 * w * (CUBE // 8) ** 3, config.embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(config.embedding, TYPES)

    def embed(self, cubes: Tensor, conditions: Tensor) -> Tensor:
        """The features (b, embedding) that amino acids are told from: the layer at which domains are adapted."""
        x = fold(cubes)
        for number, (stage, modulate) in enumerate(zip(self.stages, self.modulate, strict=True)):
            x = modulate(stage(functional.max_pool3d(x, 2) if number else x), conditions)
        return self.adapt(self.dropout(x.flatten(1)))

    def classify(self, features: Tensor) -> Tensor:
        """Logits (b, 21) of `embed`'s features."""
        return self.last(self.dropout(functional.relu(features)))

    def forward(self, cubes: Tensor, conditions: Tensor) -> Tensor:
        return self.classify(self.embed(cubes, conditions))


TRACE = Architecture("residue-trace", TraceConfig, Trace)
RESIDUE_TYPE = Architecture("residue-type", ResidueTypeConfig, ResidueType)
