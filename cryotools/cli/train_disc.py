"""`cryotools train-disc`: train an evaluation discriminator on a training set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cryotools.cli import options as opt
from cryotools.cli import trainrun as run

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from cryotools.training.pairs import Pair
    from cryotools.training.task import Task

NAME = "train-disc"
EPILOG = """DATA is a folder made by `cryotools curate`. The discriminator learns to tell its maps from classical
simulations of the same atoms, with and without noise, and from random density; with --against also from the maps of a
generator, which is harder. Never judge a generator with a discriminator that was trained against it. OUT receives
model.safetensors, metrics.csv, losses.png, config.json and state.pt.

Examples:

cryotools train-disc training-set discriminator --fold none --steps 2 --width 4

cryotools train-disc training-set hard --against gan --fold none --steps 2 --width 4 --batch 2 --json
"""


def command(
    data: run.Data,
    out: run.Out,
    against: Annotated[
        str | None,
        opt.main(
            "--against",
            metavar="gan|FILE",
            help="Also train against the maps of the shipped generator (gan) or of one trained by train-gan.",
        ),
    ] = None,
    fold: run.Fold = "0",
    steps: run.Steps = 1500,
    batch: run.Batch = 16,
    cube: run.Cube = 32,
    width: Annotated[int, opt.main("--width", min=1, metavar="N", help="Channels at the finest level.")] = 16,
    learning_rate: run.LearningRate = 2e-3,
    resume: run.Resume = False,
    every: run.Every = 500,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    precision: opt.TrainingPrecision = opt.Precision.auto,
    threads: opt.Threads = None,
    workers: run.Workers = None,
    debug: opt.Debug = False,
) -> None:
    """Train a discriminator that tells experimental maps from simulated ones."""

    def build(pairs: list[Pair], held_out: list[Pair], place: torch.device, kept: Path) -> tuple[Task, dict[str, Any]]:
        from cryotools.realism.network import EvaluatorConfig
        from cryotools.realism.train import EvaluatorTraining, make_evaluator_task

        config = EvaluatorTraining(EvaluatorConfig(width), cube, batch)
        task = make_evaluator_task(pairs, held_out, config, against, place, seed, kept)
        return task, {"arch": "evaluator", "against": against or "", "width": width, "cube": cube, "batch": batch}

    asked = run.Run(data, out, fold, steps, learning_rate, every, seed, device, precision, threads, workers, resume)
    run.train_and_report(asked, build, json)
