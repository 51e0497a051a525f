"""The one training loop: schedule, averaged weights, metrics, checkpoints, signals.

A task owns its networks, optimizers and data; the loop calls it step by step. Every random choice of a step comes from
(seed, step), so a run that is stopped and resumed continues as if it had not been (bit for bit on a CPU).
"""

from __future__ import annotations

import copy
import csv
import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from cryotools.core.checkpoint import load_state, save_state
from cryotools.core.errors import DataError, UsageError
from cryotools.core.output import write_text
from cryotools.core.progress import NoProgress, Progress


class Task(Protocol):
    """What is trained."""

    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]

    def step(self, random: np.random.Generator, step: int) -> dict[str, float]:
        """One update of every network; the losses by name."""

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Scores of the averaged networks on held-out maps, by name."""

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the networks that a user needs."""


@dataclass(frozen=True)
class LoopConfig:
    """`steps` in all; the learning rate rises over `warmup` steps to `learning_rate` and falls as a cosine to a
    hundredth; weights are averaged with `averaging` (an exponential mean) for validation and shipping.
    """

    steps: int = 5000
    learning_rate: float = 2e-3
    warmup: int = 100
    averaging: float = 0.999
    validate_every: int = 500
    save_every: int = 500
    seed: int = 0


def train(
    task: Task, folder: Path, config: LoopConfig, *, resume: bool = False, progress: Progress | None = None
) -> None:
    """Train `task` to the end, leaving config.json, metrics.csv, state.pt and the task's networks in `folder`.

    Raises
    ------
    UsageError
        `resume` was asked for with another config.
    DataError
        There is nothing to resume, or a loss is not finite: the last good checkpoint stays.
    SystemExit
        143 after SIGTERM or SIGUSR1, once a checkpoint is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    averaged = {name: _copy(network) for name, network in task.networks.items()}
    first = _restore(task, averaged, folder, config) if resume else 0
    if not resume:
        write_text(folder / "config.json", json.dumps(asdict(config), indent=1))
        (folder / "metrics.csv").unlink(missing_ok=True)
    progress = progress or NoProgress()
    progress.start(config.steps - first, "training")
    since: list[dict[str, float]] = []  # losses since the last line of metrics.csv
    began = time.monotonic()
    with _stop_signals() as stopped:
        for step in range(first, config.steps):
            since.append(_update(task, averaged, config, step, folder))
            progress.advance()
            done, ended = step + 1, step + 1 == config.steps
            if done % config.validate_every == 0 or ended:
                means = {key: float(np.mean([losses[key] for losses in since])) for key in since[0]}
                seconds = time.monotonic() - began
                _record(folder, {"step": done, **means, **task.validate(averaged), "seconds": seconds})
                since = []
            if done % config.save_every == 0 or ended or stopped():
                task.save(folder, averaged)
                _save(task, averaged, folder, config, done)
            if stopped():
                raise SystemExit(143)


def _update(
    task: Task, averaged: dict[str, nn.Module], config: LoopConfig, step: int, folder: Path
) -> dict[str, float]:
    """One step of the task at the step's learning rate, and of the averages."""
    for optimizer in task.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step)
    torch.manual_seed(config.seed * 1_000_003 + step)
    losses = task.step(np.random.default_rng([config.seed, step]), step)
    if not all(math.isfinite(value) for value in losses.values()):
        raise DataError(f"step {step}: a loss is not finite ({losses}); the last checkpoint in {folder} is good")
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


def _record(folder: Path, values: dict[str, Any]) -> None:
    """Append a row to metrics.csv, with a header when it is new."""
    path = folder / "metrics.csv"
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        if new:
            writer.writerow(values)
        writer.writerow([f"{v:.5g}" if isinstance(v, float) else v for v in values.values()])


def _save(task: Task, averaged: dict[str, nn.Module], folder: Path, config: LoopConfig, step: int) -> None:
    state = {
        "step": step,
        "config": asdict(config),
        "networks": {name: network.state_dict() for name, network in task.networks.items()},
        "averaged": {name: network.state_dict() for name, network in averaged.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in task.optimizers.items()},
    }
    save_state(folder / "state.pt", state)


def _restore(task: Task, averaged: dict[str, nn.Module], folder: Path, config: LoopConfig) -> int:
    state = load_state(folder / "state.pt")
    changed = [key for key, value in asdict(config).items() if state["config"].get(key) != value]
    if changed:
        raise UsageError(f"{folder}: was started with another {', '.join(changed)}; give the same, or a new folder")
    try:
        for name, network in task.networks.items():
            network.load_state_dict(state["networks"][name])
            averaged[name].load_state_dict(state["averaged"][name])
        for name, optimizer in task.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
    except (KeyError, RuntimeError, ValueError) as error:
        raise DataError(f"{folder}: holds a run of another network ({str(error).splitlines()[0]})") from error
    _forget_metrics_after(folder, int(state["step"]))
    return int(state["step"])


def _forget_metrics_after(folder: Path, step: int) -> None:
    """Drop the lines of metrics.csv that belong to steps after the checkpoint: they will be made again."""
    path = folder / "metrics.csv"
    if path.exists():
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        write_text(path, header + "".join(row for row in rows if int(row.split(",")[0]) <= step))


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """While inside, SIGTERM and SIGUSR1 only ask to stop; yields whether one came."""
    asked: list[int] = []
    before = {
        number: signal.signal(number, lambda n, _: asked.append(n)) for number in (signal.SIGTERM, signal.SIGUSR1)
    }
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
