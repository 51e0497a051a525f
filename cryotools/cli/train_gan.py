"""`cryotools train-gan`: train a generator of maps on a training set."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from cryotools.cli import options as opt
from cryotools.cli import trainrun as run

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from cryotools.training.pairs import Pair
    from cryotools.training.task import Task

NAME = "train-gan"
EPILOG = """DATA is a folder made by `cryotools curate`. OUT receives model.safetensors (the generator), metrics.csv and
losses.png (a table and a plot of every validation), held_out.csv with the scores of each held-out map, config.json, and
state.pt, from which --resume continues. Use torchrun to train on several GPUs or nodes. unet is the architecture of the
network shipped for struc2map, unetpp is struc2mapGAN's U-Net++, vae-gan is cryo-GAN's.

Examples:

cryotools train-gan training-set generator --fold none --steps 2 --width 4

cryotools train-gan training-set vae --arch vae-gan --fold none --steps 2 --width 4 --batch 2 --json
"""


class Arch(StrEnum):
    """Architectures, as in `simulate.learned.tasks`."""

    unet = "unet"
    unetpp = "unetpp"
    vae_gan = "vae-gan"


def command(
    data: run.Data,
    out: run.Out,
    arch: Annotated[
        Arch, opt.main("--arch", metavar="NAME", help="Architecture: unet, unetpp or vae-gan; see below.")
    ] = Arch.unet,
    fold: run.Fold = "0",
    steps: run.Steps = 5000,
    batch: run.Batch = 8,
    cube: run.Cube = 32,
    width: Annotated[
        int | None,
        opt.main("--width", min=1, metavar="N", help="Channels at the finest level; default: 32, or as in --init."),
    ] = None,
    levels: Annotated[
        int | None,
        opt.main(
            "--levels",
            min=1,
            max=6,
            metavar="N",
            help="Number of resolution levels; default: 2 (unetpp: 4), or as in --init.",
        ),
    ] = None,
    adversarial: Annotated[
        float | None,
        opt.main(
            "--adversarial", min=0, metavar="X", help="Weight of the adversarial loss; default: 0.01 (vae-gan: 0.05)."
        ),
    ] = None,
    learning_rate: run.LearningRate = 2e-3,
    init: Annotated[
        str | None, opt.main("--init", metavar="FILE", help="Start from the weights of this trained generator.")
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
    """Train a map generator against a discriminator on curated pairs."""

    def build(pairs: list[Pair], held_out: list[Pair], place: torch.device, kept: Path) -> tuple[Task, dict[str, Any]]:
        from cryotools.simulate.learned.tasks import SimulatorOptions, describe_simulator, make_simulator_task

        options = SimulatorOptions(arch.value, width, levels, cube, batch, adversarial, init, place, seed, kept)
        task = make_simulator_task(pairs, held_out, options)
        return task, describe_simulator(task, arch.value)

    asked = run.Run(data, out, fold, steps, learning_rate, every, seed, device, precision, threads, workers, resume)
    run.train_and_report(asked, build, json)
