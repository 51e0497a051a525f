"""Fine-tuning as a task for `training.loop`: few layers learn, and the best state on held-out examples is kept."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from cryotools.core.compute.checkpoint import Architecture, save_network
from cryotools.core.errors import ArgumentError
from cryotools.nn.unet import UNet, UNetBased
from cryotools.training.task import Batch, Task


class JudgedTask(Task, Protocol):
    """A task of one network that can tell a network's loss on a batch."""

    def judge(self, network: nn.Module, batch: Batch) -> float:
        """The loss, without an update."""


class StillNorm(nn.BatchNorm3d):
    """Batch normalisation that keeps its statistics, since a few boxes would give poor ones."""

    def train(self, mode: bool = True) -> StillNorm:
        """Stay in evaluation mode."""
        return super().train(False)


def only_last(network: UNetBased, layers: int | None) -> int:
    """Let only the last `layers` convolutions of a network learn (None: all), and keep its statistics; returns how many
    numbers learn.

    Raises
    ------
    UsageError
        The network has fewer layers.
    """
    _keep_statistics(network)
    unet = network.unet
    if not isinstance(unet, UNet):
        raise TypeError("only plain U-Nets are fine-tuned")
    order: list[nn.Module] = [unet.last]
    order += [stage[at] for stages in (unet.up, unet.down) for stage in reversed(stages) for at in (1, 0)]  # type: ignore[index]
    if layers is not None and not 1 <= layers <= len(order):
        raise ArgumentError("layers", layers, f"the network has {len(order)}; give 1 to {len(order)}, or all")
    if layers is not None:
        network.requires_grad_(False)
        for module in order[:layers]:
            module.requires_grad_(True)
    return sum(each.numel() for each in network.parameters() if each.requires_grad)


class FineTuning:
    """A task `inner` whose network is judged on `held_out` batches before the first step and at each validation; the
    best state, possibly the first, is what is saved.

    `about` goes into the metadata of the saved network.
    """

    def __init__(
        self, inner: JudgedTask, held_out: Sequence[Batch], architecture: Architecture, about: Mapping[str, str]
    ) -> None:
        self.inner, self.architecture, self.about = inner, architecture, dict(about)
        self.networks, self.optimizers = inner.networks, inner.optimizers
        (self._name,) = self.networks
        network = self.networks[self._name]
        device = next(network.parameters()).device
        self._held_out = [tuple(part.to(device) for part in batch) for batch in held_out]
        self.first = self.best = self._loss(network)
        self._kept = _weights(network)

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """A batch of the inner task."""
        return self.inner.batch(random, step)

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        return self.inner.step(batch, step)

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """The loss on held-out examples, now, at best and before the first step."""
        now = self._loss(averaged[self._name])
        if now < self.best:
            self.best, self._kept = now, _weights(averaged[self._name])
        return {"held_out_loss": now, "held_out_best": self.best, "held_out_first": self.first}

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the best state."""
        network = copy.deepcopy(averaged[self._name])
        network.load_state_dict(self._kept)
        scores = {"held_out_loss": f"{self.best:.4f}", "held_out_loss_of_base": f"{self.first:.4f}"}
        save_network(
            folder / "model.safetensors", network, self.architecture, network.config, about=self.about | scores
        )

    def state(self) -> dict[str, Any]:
        """The best state and the losses."""
        return {"first": self.first, "best": self.best, "kept": self._kept}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.first, self.best, self._kept = state["first"], state["best"], dict(state["kept"])

    def _loss(self, network: nn.Module) -> float:
        training, network = network.training, network.eval()
        loss = float(np.mean([self.inner.judge(network, batch) for batch in self._held_out]))
        network.train(training)
        return loss


def _keep_statistics(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm3d) and not isinstance(child, StillNorm):
            still = StillNorm(child.num_features, child.eps, child.momentum).eval()
            still.load_state_dict(child.state_dict())
            setattr(module, name, still.to(child.weight.device))
        else:
            _keep_statistics(child)


def _weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
