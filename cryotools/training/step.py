"""Shared by the tasks of all systems: updating a network, and how often each map is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from cryotools.training import distributed

Network = TypeVar("Network", bound=nn.Module)


def update(network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, clip: float | None = 1.0) -> None:
    """Update a network with the gradients of `loss`, averaged over the processes, their norm clipped at `clip`.

    Earlier gradients are discarded.
    """
    update_together([(network, optimizer)], loss, clip)


def update_together(
    parts: Sequence[tuple[nn.Module, torch.optim.Optimizer]], loss: Tensor, clip: float | None = 1.0
) -> None:
    """`update` for several networks that share a loss; the norm of each one's gradients is clipped."""
    for _, optimizer in parts:
        optimizer.zero_grad()
    loss.backward()
    for network, optimizer in parts:
        distributed.average_gradients(network)
        if clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()


def on_device(network: Network, device: torch.device) -> Network:
    """The network, moved to `device`, its weights laid out channels last, which is fastest for convolutions."""
    # torch's stub lacks the format
    return network.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


def sqrt_shares(sizes: Sequence[int]) -> np.ndarray:
    """How often each map is drawn, float64 (n,): in proportion to the square root of its size."""
    roots = np.sqrt(np.array(sizes, dtype=np.float64))
    return roots / roots.sum() if len(roots) else roots
