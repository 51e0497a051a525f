"""Small untrained networks of `anchors`, for tests of what is done with their output."""

from __future__ import annotations

from pathlib import Path

import torch

from cryotools.anchors.network import RESIDUE_TYPE, TRACE, ResidueType, ResidueTypeConfig, Trace, TraceConfig
from cryotools.core.compute.checkpoint import save_network


def untrained(folder: Path, bias: float = 0.0) -> tuple[Path, Path]:
    """Files of a type and of a trace network; `bias` is added to all logits of the latter."""
    torch.manual_seed(0)
    types, trace = ResidueType(ResidueTypeConfig(width=4)), Trace(TraceConfig(width=4, levels=2))
    torch.nn.init.constant_(trace.unet.last.bias, bias)
    save_network(folder / "type.safetensors", types, RESIDUE_TYPE, types.config)
    save_network(folder / "trace.safetensors", trace, TRACE, trace.config)
    return folder / "type.safetensors", folder / "trace.safetensors"
