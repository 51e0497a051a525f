"""The one training loop: schedule, averaged weights, metrics, checkpoints, signals.

A task owns its networks, optimizers and data; the loop has batches made, in worker processes if requested, and calls
the task step by step. Every random choice of a step comes from (seed, step, rank), so a run that is stopped and
resumed continues as if uninterrupted (bit for bit on a CPU). Under torchrun every process draws its own cubes; only the
first one validates, records and saves.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cryotools.core.compute.device import resolve_precision
from cryotools.core.errors import ArgumentError, DataError, UsageError
from cryotools.core.files.output import write_text
from cryotools.core.progress import NoProgress, Progress
from cryotools.training import distributed
from cryotools.training.loader import batches, watched
from cryotools.training.plot import add_metrics, draw_losses, forget_metrics_after, read_metrics
from cryotools.training.runstate import RunState
from cryotools.training.schedule import Schedule
from cryotools.training.task import Batch, Task

_FIRST_SNAPSHOT = 0.4  # of the steps


@dataclass(frozen=True)
class LoopConfig:
    """`steps` in total; the learning rate rises over `warmup` steps to `learning_rate` and falls as a cosine to a
    hundredth; weights are averaged with `averaging` (an exponential mean) for validation and shipping. `precision` is
    auto, fp32 or bf16, and applies to the steps; weights, updates and validation stay in float32.

    `epochs` replaces `steps` for a task with a fixed number of steps per epoch; `validate_every` and `save_every` then
    count epochs, and metrics.csv has a column for them. `snapshots` is how many earlier states of the networks are kept
    (None: none), at least 2; see `snapshot_steps`. With `cooldown`, the run may end before, see `Schedule`: the task's
    `converged` is asked after each validation.
    """

    steps: int = 5000
    learning_rate: float = 2e-3
    warmup: int = 100
    averaging: float = 0.999
    validate_every: int = 500
    save_every: int = 500
    seed: int = 0
    precision: str = "fp32"
    epochs: int | None = None
    snapshots: int | None = None
    cooldown: float | None = None


def train(
    task: Task,
    folder: Path,
    config: LoopConfig,
    *,
    about: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    workers: int = 0,
) -> dict[str, float]:
    """Train `task` to the end, leaving config.json, metrics.csv, losses.png, state.pt and the task's networks in
    `folder`; returns the last line of metrics.csv. `about` holds further settings of the run (plain values, for
    config.json); `workers` processes make its batches, which are the same with any number of them. Snapshots are
    networks as in `folder`, in its subfolders snapshots/STEP.

    A resumed run may get more steps or epochs than before, also when it had come to its end: from there on the learning
    rate is what it would have been at this step if the run had been started with so many. The rate of a finished run so
    rises again, as in warm restarts (I. Loshchilov & F. Hutter, ICLR 2017). A run that ended as it had converged stays.

    Raises
    ------
    UsageError
        `resume` is set with fewer steps or another config or `about`, or not set although `folder` contains a run;
        `epochs` is set for a task that has none.
    DataError
        There is nothing to resume, a file cannot be written, a batch does not fit into memory, or a loss is not finite:
        the last good checkpoint is kept.
    SystemExit
        143 after SIGTERM or SIGUSR1, once a checkpoint is written.
    """
    check_folder(folder, resume)
    device = _device(task)
    precision = training_precision(config.precision, device)
    settings = {key: value for key, value in asdict(config).items() if value is not None} | dict(about or {})
    config = _in_steps(config, task)
    schedule = Schedule(config.steps, config.learning_rate, config.warmup, config.cooldown)
    run = RunState(task, folder, settings, config.averaging, schedule)
    first, to_keep = run.restore() if resume else 0, snapshot_steps(config)
    last = config.steps if first < schedule.end else first
    distributed.on_first(_begin, folder, settings, first)
    for network in run.networks():
        distributed.share_weights(network)
    progress = progress if progress and distributed.is_first() else NoProgress()
    progress.start(last - first, "training")
    made = batches(
        task.batch,
        range(first, last),
        seed=config.seed,
        rank=distributed.rank(),
        workers=workers,
        pinned=device.type == "cuda",
    )
    with distributed.stop_signals() as asked_to_stop, closing(made), watched():
        for step in range(first, last):
            run.record.losses.append(_update(run, config, precision, step, next(made)))
            progress.advance()
            done, stopped = step + 1, asked_to_stop()
            due = [
                done % every == 0 or done == run.schedule.end for every in (config.validate_every, config.save_every)
            ]
            if any(due) or stopped or done in to_keep:
                for network in run.networks():
                    distributed.average_buffers(network)
            if due[0]:
                _validate(run, config, done)
            if done in to_keep:
                distributed.on_first(run.keep_snapshot, done)
            if due[1] or stopped:
                distributed.on_first(run.save, done)
            if stopped:
                raise SystemExit(143)
            if done == run.schedule.end:
                break
    metrics = read_metrics(folder / "metrics.csv")
    return {name: values[-1] for name, values in metrics.items()}


def check_folder(folder: Path, resume: bool) -> None:
    """Raise early, as `train` does, if a run can neither start nor resume in `folder`."""
    there = (folder / "state.pt").exists()
    if resume and not there:
        raise DataError(f"{folder / 'state.pt'}: no such file; nothing to resume")
    if there and not resume:
        raise UsageError(f"{folder}: contains a training run; continue it with `resume=True`, or choose a new folder")


def _begin(folder: Path, settings: dict[str, Any], first: int) -> None:
    """Create the folder of a new run, or tidy that of a resumed one."""
    if first:
        forget_metrics_after(folder / "metrics.csv", first)
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "metrics.csv").unlink(missing_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be used as the run's folder: {error.strerror}") from error
    write_text(folder / "config.json", json.dumps(settings, indent=1))


def training_precision(name: str, device: torch.device) -> torch.dtype:
    """The precision of the training steps, from its name on the command line.

    Raises
    ------
    UsageError
        The name is unknown, not supported by the device, or fp16, whose gradients vanish without scaling.
    """
    if name == "fp16":
        raise ArgumentError("precision", name, "fp16 is for applying networks; train in bf16 or fp32")
    return resolve_precision(name, device)


def snapshot_steps(config: LoopConfig) -> set[int]:
    """The numbers of steps after which a snapshot is kept: evenly from two fifths of the run to its end.

    Raises
    ------
    UsageError
        There is to be a single one.
    """
    if config.snapshots is None:
        return set()
    if config.snapshots < 2:
        raise ArgumentError("snapshots", config.snapshots, "give at least 2")
    steps = np.linspace(_FIRST_SNAPSHOT * config.steps, config.steps, config.snapshots)
    return {max(1, round(step)) for step in steps}


def _in_steps(config: LoopConfig, task: Task) -> LoopConfig:
    """The config with its epochs converted to steps."""
    if config.epochs is None:
        return config
    length = getattr(task, "steps_per_epoch", None)
    if not length:
        raise UsageError("this task has no epochs; say how many steps it is to be trained")
    every = {"validate_every": config.validate_every * length, "save_every": config.save_every * length}
    return replace(config, steps=config.epochs * length, **every)


def _device(task: Task) -> torch.device:
    return next(next(iter(task.networks.values())).parameters()).device


def _update(run: RunState, config: LoopConfig, precision: torch.dtype, step: int, batch: Batch) -> dict[str, float]:
    """One step of the task at its learning rate, and an update of the averages; losses are means over the processes."""
    for optimizer in run.task.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = run.schedule.rate(step) * group.get("lr_scale", 1.0)
    device = _device(run.task)
    torch.manual_seed(config.seed * 1_000_003 + step + distributed.rank() * 1_000_000_007)
    # nothing is cached, since a step may update a network and use it again
    mixed = {"enabled": precision != torch.float32, "cache_enabled": False}
    try:
        with torch.autocast(device.type, precision, **mixed):
            losses = run.task.step(tuple(part.to(device, non_blocking=True) for part in batch), step)
    except torch.OutOfMemoryError as error:
        raise DataError(f"step {step}: out of memory; use a smaller `batch`, `cube` or `width`") from error
    losses = dict(zip(losses, distributed.mean(list(losses.values())), strict=True))
    if not all(math.isfinite(value) for value in losses.values()):
        raise DataError(f"step {step}: a loss is not finite ({losses}); {run.what_stays()}")
    run.average(step)
    return losses


def _validate(run: RunState, config: LoopConfig, done: int) -> None:
    """Add a line of metrics, and let the run come to its end if the task has converged."""
    distributed.on_first(_add_line, run, config, done)
    run.record.losses.clear()
    if distributed.any_of(bool(getattr(run.task, "converged", False))):
        run.schedule.finish(done)


def _add_line(run: RunState, config: LoopConfig, step: int) -> None:
    """Add a line to metrics.csv (whole or not at all) and redraw losses.png."""
    losses = run.record.losses
    means = {key: float(np.mean([each[key] for each in losses])) for key in losses[0]}
    epochs = {"epoch": round(step * config.epochs / config.steps)} if config.epochs else {}
    with run.judged() as averaged:
        scores = run.task.validate(averaged)
    add_metrics(
        run.folder / "metrics.csv", {"step": step, **epochs, **means, **scores, "seconds": run.record.seconds()}
    )
    draw_losses(run.folder / "losses.png", read_metrics(run.folder / "metrics.csv"))
