"""The interface to the training loop, common to the tasks of all systems."""

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

    An optimizer's parameter group may have `lr_scale`, by which its learning rate is multiplied. Three attributes are
    optional: `averaging`, a mapping from a network's name to how slowly its average changes, or to None for no
    averaging (a pose table, a decoder), instead of the config's; `steps_per_epoch`, for runs of whole epochs; and
    `converged`, true after a validation if a run with `cooldown` may come to its end.
    """

    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """The tensors for one step, made on the CPU, possibly in another process and ahead of the step: from `random`
        and the step number alone, without torch's random numbers.
        """

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """Update every network from a batch on their device; returns the losses by name. See `training.step.update`."""

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Scores of the averaged networks on held-out maps, by name."""

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the networks that a user needs."""

    def state(self) -> dict[str, Any]:
        """State other than networks and optimizers, in plain values, e.g. the last scores."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
