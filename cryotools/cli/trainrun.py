"""Shared by the training commands: their options, and the run from a curated set to a folder with a network."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import note, print_json, progress, set_threads
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    import torch

    from cryotools.training.loop import LoopConfig
    from cryotools.training.pairs import Pair
    from cryotools.training.task import Task


Data = Annotated[str, typer.Argument(metavar="DATA", help="Training set made by curate.")]
Out = Annotated[str, typer.Argument(metavar="OUT", help="Folder for the run.")]
Fold = Annotated[str, opt.main("--fold", metavar="N", help="Hold out the maps of this fold; none trains on all maps.")]
Steps = Annotated[int, opt.main("--steps", min=1, metavar="N", help="Total number of updates.")]
Batch = Annotated[int, opt.main("--batch", min=1, metavar="N", help="Cubes per update and process.")]
Cube = Annotated[int, opt.main("--cube", min=8, metavar="N", help="Edge of a cube in voxels of 1 Å.")]
LearningRate = Annotated[
    float, opt.main("--learning-rate", min=0, metavar="X", help="Peak learning rate, after the warm-up.")
]
Resume = Annotated[bool, opt.main("--resume", metavar="", help="Continue the run in OUT.")]
Every = Annotated[int, opt.output("--every", min=1, metavar="N", help="Validate and save every N steps.")]
Snapshots = Annotated[
    int | None,
    opt.output("--snapshots", min=2, metavar="N", help="Keep N earlier states of the network in OUT/snapshots."),
]
Workers = Annotated[
    int | None,
    opt.compute(
        "--workers",
        min=0,
        metavar="N",
        help="Processes that prepare batches; default: 0 on a CPU, up to 8 for a GPU. Results do not depend on it.",
    ),
]


@dataclass(frozen=True)
class Run:
    """A run as specified on the command line; `fold` is a number or none, and does not matter if all maps are held out
    (`only_judged`), for a task that learns from other sources.
    """

    data: str
    out: str
    fold: str
    steps: int
    learning_rate: float
    every: int
    seed: int
    device: str
    precision: opt.Precision
    threads: int | None
    workers: int | None
    resume: bool
    only_judged: bool = False
    snapshots: int | None = None


_ENOUGH = 8  # this many processes make batches faster than a GPU consumes them

Build = Callable[[list["Pair"], list["Pair"], "torch.device", Path], tuple["Task", dict[str, Any]]]


def train_and_report(run: Run, build: Build, as_json: bool) -> None:
    """Train the task that `build` makes from the pairs, the held-out ones, the device and a folder for examples (it
    also returns the run's settings as plain values); then print its held-out scores.
    """
    held = _fold(run.fold)
    threads = share_threads(run.threads)
    from cryotools.core.compute.device import resolve_device
    from cryotools.training import distributed
    from cryotools.training.loop import check_folder, train, training_precision
    from cryotools.training.pairs import hold_out, load_folder
    from cryotools.training.store import examples_of_run

    folder = Path(run.out)
    check_folder(folder, run.resume)
    place = resolve_device(distributed.local_device(run.device))
    training_precision(run.precision.value, place)
    config = loop_config(run)
    with distributed.joined(place), progress() as reporter:
        every = load_folder(run.data)
        pairs, held_out = ([], every) if run.only_judged else hold_out(every, held)
        ids = {"trained_on": [pair.id for pair in pairs], "held_out": [pair.id for pair in held_out]}
        with examples_of_run(folder, run.resume) as kept:
            task, about = build(pairs, held_out, place, kept)
            pairs.clear()  # the examples made from them are on disk
            held_out.clear()
            metrics = train(
                task,
                folder,
                config,
                about=about | ids,
                resume=run.resume,
                progress=reporter,
                workers=workers_of(run.workers, place, threads),
            )
        if not distributed.is_first():
            return
    if as_json:
        counts = {"n_trained_on": len(ids["trained_on"]), "n_held_out": len(ids["held_out"])}
        print_json({"folder": run.out, "arch": about["arch"], **counts, **metrics, "step": int(metrics["step"])})
        return
    judged = (
        f"scores are means over {len(ids['held_out'])} held-out maps"
        if any(name.startswith("held_out") for name in metrics)
        else "no scores, as no map was held out"
    )
    trained = f"{folder / 'model.safetensors'}: trained on {len(ids['trained_on'])} maps"
    print_scores(metrics, f"{trained}; {judged}")


def loop_config(run: Run) -> LoopConfig:
    """The loop's part of what the command line specifies."""
    from cryotools.training.loop import LoopConfig

    return LoopConfig(
        steps=run.steps,
        learning_rate=run.learning_rate,
        warmup=min(100, run.steps),
        validate_every=run.every,
        save_every=run.every,
        seed=run.seed,
        precision=run.precision.value,
        snapshots=run.snapshots,
    )


def print_scores(metrics: dict[str, float], words: str) -> None:
    """Print the held-out scores of the last validation, and `words` to say what they are."""
    for name, value in metrics.items():
        if name.startswith("held_out"):
            typer.echo(f"{name.removeprefix('held_out_')} {value:.4f}")
    note(words)


def _fold(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal():
        raise UsageError(f"--fold {text}: give the number of a fold, or none")
    return int(text)


def workers_of(asked: int | None, place: torch.device, threads: int) -> int:
    """Number of processes that make batches: as given, else none on a CPU, where they would compete with the network,
    and for a GPU one fewer than the threads, up to 8.
    """
    if asked is not None or place.type != "cuda":
        return asked or 0
    return max(1, min(_ENOUGH, threads - 1))


def share_threads(threads: int | None) -> int:
    """Set the number of threads as in all commands and return it; processes started by torchrun on this node share
    them.
    """
    together = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    usable = set_threads(threads)
    return usable if threads is not None or together == 1 else set_threads(max(1, usable // together))
