"""What the training loop trains: the one form that the tasks of all systems have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

Batch = tuple[Tensor, ...]


class Task(Protocol):
    """Networks, their optimizers, and the data they learn from.

    A group of an optimizer may hold `lr_scale`, by which its learning rate is multiplied. Two attributes may be left
    out: `averaging`, a mapping of a network's name to how slowly its average changes, or to None where it is not to be
    averaged (a table of poses, a decoder), in place of the config's; and `steps_per_epoch`, for runs of whole epochs.
    """

    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """The tensors that a step learns from, made on the CPU, at times in another process and ahead of the step: of
        `random` and the number of the step alone, with no random numbers of torch's.
        """

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update of every network by a batch on their device; the losses by name. See `training.step.update`."""

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Scores of the averaged networks on held-out maps, by name."""

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the networks that a user needs."""

    def state(self) -> dict[str, Any]:
        """What it has found out beside its networks and optimizers, in plain values, such as its last scores."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
