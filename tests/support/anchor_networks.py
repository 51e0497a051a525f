"""Small untrained networks of `anchors`, for tests of what is done with their output."""

from __future__ import annotations

from pathlib import Path

import torch

from cryotools.anchors.network import (
    CHANNELS,
    OFFSET,
    RESIDUE_TYPE,
    TRACE,
    ResidueType,
    ResidueTypeConfig,
    Trace,
    TraceConfig,
)
from cryotools.core.compute.checkpoint import save_network


def untrained(folder: Path, bias: float = -1.7) -> tuple[Path, Path]:
    """Files of a type and of a trace network; `bias` is that of all logits of the latter, and decides how many voxels
    pass for Cα atoms.
    """
    torch.manual_seed(0)
    types, trace = ResidueType(ResidueTypeConfig(width=4)), Trace(TraceConfig(width=4, levels=2))
    biases = torch.full((len(CHANNELS), 8), bias)  # of the eight voxels of a block
    biases[OFFSET] = 0
    with torch.no_grad():
        trace.unet.last.bias.copy_(biases.flatten())
    save_network(folder / "type.safetensors", types, RESIDUE_TYPE, types.config)
    save_network(folder / "trace.safetensors", trace, TRACE, trace.config)
    return folder / "type.safetensors", folder / "trace.safetensors"
