"""The one training loop: schedule, averaged weights, metrics, checkpoints, signals.

A task owns its networks, optimizers and data; the loop calls it step by step. Every random choice of a step comes from
(seed, step, rank), so a run that is stopped and resumed continues as if it had not been (bit for bit on a CPU). Under
torchrun every process draws its own cubes; the first one alone validates, records and saves.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from cryotools.core.compute.checkpoint import load_state, save_state
from cryotools.core.compute.device import resolve_precision
from cryotools.core.errors import ArgumentError, DataError, UsageError
from cryotools.core.files.output import write_text
from cryotools.core.progress import NoProgress, Progress
from cryotools.training import distributed
from cryotools.training.plot import add_metrics, draw_losses, forget_metrics_after, read_metrics


class Task(Protocol):
    """What is trained."""

    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]

    def step(self, random: np.random.Generator, step: int) -> dict[str, float]:
        """One update of every network; the losses by name. `distributed.average_gradients` comes before an update."""

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Scores of the averaged networks on held-out maps, by name."""

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the networks that a user needs."""

    def state(self) -> dict[str, Any]:
        """What it has found out beside its networks and optimizers, in plain values, such as its last scores."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""


@dataclass(frozen=True)
class LoopConfig:
    """`steps` in all; the learning rate rises over `warmup` steps to `learning_rate` and falls as a cosine to a
    hundredth; weights are averaged with `averaging` (an exponential mean) for validation and shipping. `precision` is
    auto, fp32 or bf16, and holds for the steps; weights, updates and validation stay in float32.
    """

    steps: int = 5000
    learning_rate: float = 2e-3
    warmup: int = 100
    averaging: float = 0.999
    validate_every: int = 500
    save_every: int = 500
    seed: int = 0
    precision: str = "fp32"


class _Record:
    """What the next line of metrics.csv is made of: the losses since the last one, and the time of the whole run."""

    def __init__(self, losses: Sequence[dict[str, float]] = (), seconds: float = 0.0) -> None:
        self.losses, self._before, self._began = list(losses), seconds, time.monotonic()

    def seconds(self) -> float:
        """Time spent on the run, before it was resumed too."""
        return self._before + time.monotonic() - self._began


def train(
    task: Task,
    folder: Path,
    config: LoopConfig,
    *,
    about: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Train `task` to the end, leaving config.json, metrics.csv, losses.png, state.pt and the task's networks in
    `folder`; the last line of metrics.csv. `about` says what else the run is of (plain values, for config.json).

    Raises
    ------
    UsageError
        `resume` was asked for with another config or `about`, or not asked for where `folder` holds a run.
    DataError
        There is nothing to resume, a file cannot be written, a batch does not fit the memory, or a loss is not finite:
        the last good checkpoint stays.
    SystemExit
        143 after SIGTERM or SIGUSR1, once a checkpoint is written.
    """
    check_folder(folder, resume)
    precision = training_precision(config.precision, _device(task))
    settings = {**asdict(config), **(about or {})}
    averaged = {name: _copy(network) for name, network in task.networks.items()}
    first, record = _restore(task, averaged, folder, settings) if resume else (0, _Record())
    distributed.on_first(_begin, folder, settings, first)
    networks = [*task.networks.values(), *averaged.values()]
    for network in networks:
        distributed.share_weights(network)
    progress = progress if progress and distributed.is_first() else NoProgress()
    progress.start(config.steps - first, "training")
    with distributed.stop_signals() as asked_to_stop:
        for step in range(first, config.steps):
            record.losses.append(_update(task, averaged, config, precision, step, folder))
            progress.advance()
            done, stopped = step + 1, asked_to_stop()
            due = [done % every == 0 or done == config.steps for every in (config.validate_every, config.save_every)]
            if any(due) or stopped:
                for network in networks:
                    distributed.average_buffers(network)
            if due[0]:
                distributed.on_first(_add_line, task, averaged, folder, done, record)
                record.losses.clear()
            if due[1] or stopped:
                distributed.on_first(_save, task, averaged, folder, settings, done, record)
            if stopped:
                raise SystemExit(143)
    metrics = read_metrics(folder / "metrics.csv")
    return {name: values[-1] for name, values in metrics.items()}


def check_folder(folder: Path, resume: bool) -> None:
    """Say early that a run can neither begin nor go on in `folder`, as `train` does."""
    there = (folder / "state.pt").exists()
    if resume and not there:
        raise DataError(f"{folder / 'state.pt'}: no such file; nothing to resume")
    if there and not resume:
        raise UsageError(f"{folder}: contains a training run; continue it with `resume=True`, or choose a new folder")


def _begin(folder: Path, settings: dict[str, Any], first: int) -> None:
    """Make the folder of a new run, or tidy that of a resumed one."""
    if first:
        forget_metrics_after(folder / "metrics.csv", first)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.csv").unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be used as the run's folder: {error.strerror}") from error
    write_text(folder / "config.json", json.dumps(settings, indent=1))


def training_precision(name: str, device: torch.device) -> torch.dtype:
    """What the steps compute in, of a command line's name.

    Raises
    ------
    UsageError
        The name is unknown, what the device cannot do, or fp16, whose gradients vanish without scaling.
    """
    if name == "fp16":
        raise ArgumentError("precision", name, "fp16 is for applying networks; train in bf16 or fp32")
    return resolve_precision(name, device)


def _device(task: Task) -> torch.device:
    return next(next(iter(task.networks.values())).parameters()).device


def _update(
    task: Task,
    averaged: dict[str, nn.Module],
    config: LoopConfig,
    precision: torch.dtype,
    step: int,
    folder: Path,
) -> dict[str, float]:
    """One step of the task at the step's learning rate, and of the averages; losses are means over the processes."""
    for optimizer in task.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step)
    rank = distributed.rank()
    torch.manual_seed(config.seed * 1_000_003 + step + rank * 1_000_000_007)
    random = np.random.default_rng([config.seed, step, rank] if rank else [config.seed, step])
    # nothing is cached, since a step may update a network and use it again
    mixed = {"enabled": precision != torch.float32, "cache_enabled": False}
    try:
        with torch.autocast(_device(task).type, precision, **mixed):
            losses = task.step(random, step)
    except torch.OutOfMemoryError as error:
        raise DataError(f"step {step}: out of memory; use a smaller `batch`, `cube` or `width`") from error
    losses = dict(zip(losses, distributed.mean(list(losses.values())), strict=True))
    if not all(math.isfinite(value) for value in losses.values()):
        raise DataError(f"step {step}: a loss is not finite ({losses}); {_what_stays(folder)}")
    for name, network in task.networks.items():
        _average(averaged[name], network, min(config.averaging, (1 + step) / (10 + step)))
    return losses


def learning_rate(config: LoopConfig, step: int) -> float:
    """Linear warm-up, then a cosine to a hundredth of the peak."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def _copy(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).eval().requires_grad_(False)


@torch.no_grad()
def _average(mean: nn.Module, network: nn.Module, keep: float) -> None:
    for old, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)


def _add_line(task: Task, averaged: dict[str, nn.Module], folder: Path, step: int, record: _Record) -> None:
    """Add a line to metrics.csv (whole or not at all) and draw losses.png anew."""
    means = {key: float(np.mean([losses[key] for losses in record.losses])) for key in record.losses[0]}
    values = {"step": step, **means, **task.validate(averaged), "seconds": record.seconds()}
    add_metrics(folder / "metrics.csv", values)
    draw_losses(folder / "losses.png", read_metrics(folder / "metrics.csv"))


def _save(
    task: Task,
    averaged: dict[str, nn.Module],
    folder: Path,
    settings: dict[str, Any],
    step: int,
    record: _Record,
) -> None:
    state = {
        "step": step,
        "config": settings,
        "networks": {name: network.state_dict() for name, network in task.networks.items()},
        "averaged": {name: network.state_dict() for name, network in averaged.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in task.optimizers.items()},
        "task": task.state(),
        "losses": record.losses,
        "seconds": record.seconds(),
    }
    for name, network in task.networks.items():
        if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
            raise DataError(f"step {step}: weights of the {name} are not finite; {_what_stays(folder)}")
    try:
        task.save(folder, averaged)  # first: a run that is done at its last checkpoint has its networks
        save_state(folder / "state.pt", state)
    except DataError as error:
        raise DataError(f"step {step}: {error}; {_what_stays(folder)}") from error


def _what_stays(folder: Path) -> str:
    if (folder / "state.pt").exists():
        return f"the last checkpoint in {folder} is intact and can be resumed"
    return f"{folder} has no checkpoint yet"


def _restore(task: Task, averaged: dict[str, nn.Module], folder: Path, settings: dict[str, Any]) -> tuple[int, _Record]:
    """Put the state of the last checkpoint into the task; the steps done, and what the next line is made of."""
    state = load_state(folder / "state.pt")
    try:
        before, now = _flat(state["config"]), _flat(settings)
        changed = [key for key in now | before if before.get(key) != now.get(key)]
        if changed:
            raise UsageError(
                f"{folder}: was started with a different {', '.join(changed)}; give the same, or choose a new folder"
            )
        for name, network in task.networks.items():
            network.load_state_dict(state["networks"][name])
            averaged[name].load_state_dict(state["averaged"][name])
        for name, optimizer in task.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        task.load_state(state["task"])
        return int(state["step"]), _Record(state["losses"], state["seconds"])
    except (KeyError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder}: contains a run of another network or version ({str(error).splitlines()[0]})"
        ) from error


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings by dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {before + key: value}
    return flat
