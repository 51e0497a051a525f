"""The state of a run between two steps: its networks and their averages, the data for the next line of metrics, and
how they are saved and restored.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cryotools.core.compute.checkpoint import load_state, save_state
from cryotools.core.errors import ArgumentError, DataError, UsageError
from cryotools.training.schedule import Schedule
from cryotools.training.task import Task

SNAPSHOTS = "snapshots"  # folder
_LENGTHS = ("steps", "epochs")  # settings that a resumed run may have more of


class Record:
    """The data for the next line of metrics.csv: the losses since the last one, and the time of the whole run."""

    def __init__(self, losses: Sequence[dict[str, float]] = (), seconds: float = 0.0) -> None:
        self.losses, self._before, self._began = list(losses), seconds, time.monotonic()

    def seconds(self) -> float:
        """Time spent on the run, including before it was resumed."""
        return self._before + time.monotonic() - self._began


class RunState:
    """The state of a run of `task` in `folder`; `settings` are the plain values that define it.

    `averaged` holds the networks by name as they are validated and shipped: averages, which change more slowly the
    closer `averaging` or the task's own value is to 1, or the network itself if the task gives None.
    """

    def __init__(
        self, task: Task, folder: Path, settings: dict[str, Any], averaging: float, schedule: Schedule
    ) -> None:
        self.task, self.folder, self.settings, self.record = task, folder, settings, Record()
        self.schedule = schedule
        own: Mapping[str, float | None] = getattr(task, "averaging", {})
        self._keep = {name: own.get(name, averaging) for name in task.networks}
        self.averaged = {
            name: network if self._keep[name] is None else copy.deepcopy(network).eval().requires_grad_(False)
            for name, network in task.networks.items()
        }

    def networks(self) -> list[nn.Module]:
        """All networks and averages, each once."""
        return list({id(one): one for one in (*self.task.networks.values(), *self.averaged.values())}.values())

    def average(self, step: int) -> None:
        """Update the averages from the networks, faster in the first steps."""
        for name, network in self.task.networks.items():
            keep = self._keep[name]
            if keep is not None:
                _follow(self.averaged[name], network, min(keep, (1 + step) / (10 + step)))

    @contextmanager
    def judged(self) -> Iterator[dict[str, nn.Module]]:
        """The networks to validate or ship, all in evaluation mode within the context."""
        training = {name: network.training for name, network in self.averaged.items()}
        try:
            yield {name: network.eval() for name, network in self.averaged.items()}
        finally:
            for name, network in self.averaged.items():
                network.train(training[name])

    def save(self, step: int) -> None:
        """Write the checkpoint after `step` steps, and the task's networks.

        Raises
        ------
        DataError
            A weight is not finite, or a file cannot be written; the previous checkpoint is kept.
        """
        kept = {name: network for name, network in self.averaged.items() if self._keep[name] is not None}
        state = {
            "step": step,
            "config": self.settings,
            "networks": {name: network.state_dict() for name, network in self.task.networks.items()},
            "averaged": {name: network.state_dict() for name, network in kept.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.task.optimizers.items()},
            "task": self.task.state(),
            "losses": self.record.losses,
            "seconds": self.record.seconds(),
            "falls_from": self.schedule.falls_from,
        }
        for name, network in self.task.networks.items():
            if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
                raise DataError(f"step {step}: weights of the {name} are not finite; {self.what_stays()}")
        try:
            with self.judged() as averaged:  # first, so that a finished last checkpoint implies saved networks
                self.task.save(self.folder, averaged)
            save_state(self.folder / "state.pt", state)
        except DataError as error:
            raise DataError(f"step {step}: {error}; {self.what_stays()}") from error

    def keep_snapshot(self, step: int) -> None:
        """Write the task's networks into a folder of this step.

        Raises
        ------
        DataError
            A file cannot be written.
        """
        place = self.folder / SNAPSHOTS / f"{step:07d}"
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{place}: cannot be used as a folder: {error.strerror}") from error
        with self.judged() as averaged:
            self.task.save(place, averaged)

    def restore(self) -> int:
        """Restore the task from the last checkpoint; returns the number of steps done. Its run may have been shorter.

        Raises
        ------
        UsageError
            The checkpoint is from a longer run, or one with other settings.
        DataError
            The checkpoint is missing or damaged, or from other networks.
        """
        state = load_state(self.folder / "state.pt")
        try:
            self._check_settings(state["config"])
            for name, network in self.task.networks.items():
                network.load_state_dict(state["networks"][name])
                if self._keep[name] is not None:
                    self.averaged[name].load_state_dict(state["averaged"][name])
            for name, optimizer in self.task.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][name])
            self.task.load_state(state["task"])
            self.record = Record(state["losses"], state["seconds"])
            self.schedule.falls_from = state.get("falls_from")
            return int(state["step"])
        except (KeyError, AttributeError, RuntimeError, TypeError, ValueError) as error:
            raise DataError(
                f"{self.folder}: contains a run of another network or version ({str(error).splitlines()[0]})"
            ) from error

    def _check_settings(self, stored: Mapping[str, Any]) -> None:
        """Raise UsageError unless the settings are those of the checkpoint, but for more steps or epochs."""
        before, now = _flat(stored), _flat(self.settings)
        changed = [key for key in now | before if before.get(key) != now.get(key)]
        others = [key for key in changed if key not in _LENGTHS or None in (before.get(key), now.get(key))]
        if others:
            different = f"was started with a different {', '.join(others)}"
            raise UsageError(f"{self.folder}: {different}; give the same, or choose a new folder")
        for key in changed:
            if now[key] < before[key]:
                raise ArgumentError(key, now[key], f"give {before[key]}, as the run was started with, or more")

    def what_stays(self) -> str:
        """What is left in the folder after a failed step."""
        if (self.folder / "state.pt").exists():
            return f"the last checkpoint in {self.folder} is intact and can be resumed"
        return f"{self.folder} has no checkpoint yet"


@torch.no_grad()
def _follow(mean: nn.Module, network: nn.Module, keep: float) -> None:
    for old, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings flattened to dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {before + key: value}
    return flat
