"""`cryotools train-sse`: train a network on a training set to recognise helices, sheets and nucleotides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cryotools.cli import options as opt
from cryotools.cli import trainrun as run
from cryotools.cli.console import progress
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    import torch

    from cryotools.training.pairs import Pair
    from cryotools.training.task import Task

NAME = "train-sse"
EPILOG = """DATA is a folder made by `cryotools curate`. Each map is used in as many versions as --versions says: the
original, and rotated, blurred, sharpened or at lower resolution. Maps can also be simulated from --structures, with
noise, masks and uneven local resolution; OUT/simulated (or --cache) keeps them for the next run. --structures is a
folder, a text file with one path per line, or a CSV table with the column file and optionally homolog_of_fold, to
leave out relatives of the held-out fold. OUT receives model.safetensors (for annotate-sse --weights), metrics.csv,
losses.png, config.json, and state.pt, from which --resume continues. Held-out scores are per residue, averaged over
maps.

Examples:

cryotools train-sse training-set classifier --fold none --versions 2 --steps 2 --width 4

cryotools train-sse training-set simulated --structures examples --simulated 2 --fold none --steps 2 --width 4 --json
"""


def command(
    data: run.Data,
    out: run.Out,
    structures: Annotated[
        str | None,
        opt.main(
            "--structures",
            metavar="PATH",
            help="Also train on maps simulated from these structures: a folder or a list.",
        ),
    ] = None,
    simulated: Annotated[
        int | None, opt.main("--simulated", min=1, metavar="N", help="Boxes to simulate; default: three per structure.")
    ] = None,
    versions: Annotated[
        int,
        opt.main("--versions", min=1, metavar="N", help="Versions of each experimental map, including the original."),
    ] = 10,
    fold: run.Fold = "0",
    steps: run.Steps = 5000,
    batch: run.Batch = 6,
    cube: run.Cube = 48,
    width: Annotated[
        int, opt.main("--width", min=1, metavar="N", help="Channels at the finest level; ignored with --init.")
    ] = 24,
    experimental: Annotated[
        float, opt.main("--experimental", min=0, max=1, metavar="X", help="Fraction of cubes from experimental maps.")
    ] = 0.5,
    learning_rate: run.LearningRate = 2e-3,
    init: Annotated[
        str | None, opt.main("--init", metavar="FILE", help="Start from the weights of this trained network.")
    ] = None,
    cache: Annotated[
        str | None, opt.main("--cache", metavar="FOLDER", help="Folder that keeps the simulated boxes.")
    ] = None,
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
    """Train a network that finds helices, sheets and nucleotides in maps."""
    if not structures:
        for option, given in (("--simulated", simulated is not None), ("--cache", cache is not None)):
            if given:
                raise UsageError(f"{option} is for simulated maps; add --structures")

    def build(pairs: list[Pair], held_out: list[Pair], place: torch.device, kept: Path) -> tuple[Task, dict[str, Any]]:
        from cryotools.core.structures.structurelist import unrelated_structures
        from cryotools.sse.learning.tasks import (
            ClassifierOptions,
            Simulations,
            describe_classifier,
            make_classifier_task,
        )
        from cryotools.sse.learning.train import ClassifierTraining
        from cryotools.sse.network import SecondaryStructureConfig

        config = ClassifierTraining(SecondaryStructureConfig(width), cube, batch, experimental)
        boxes = Path(cache) if cache else Path(out) / "simulated"
        held = held_out[0].fold if held_out else None
        simulations = Simulations(unrelated_structures(structures, held), simulated, boxes) if structures else None
        options = ClassifierOptions(config, versions, simulations, init, place, seed, kept)
        with progress() as reporter:
            task = make_classifier_task(pairs, held_out, options, reporter)
        return task, describe_classifier(task, options)

    asked = run.Run(data, out, fold, steps, learning_rate, every, seed, device, precision, threads, workers, resume)
    run.train_and_report(asked, build, json)
