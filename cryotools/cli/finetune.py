"""`cryotools finetune`: fit a shipped network to one map, on maps simulated from homologs."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli import trainrun as run
from cryotools.cli.console import note, print_json, progress, set_threads
from cryotools.core.errors import UsageError

NAME = "finetune"
EPILOG = """--homologs is a folder made by `cryotools find-homologs`, or of structures; the best come first, and the
last is held out. Boxes of them are simulated with the resolution, fall-off, noise and masking of the map. Only the
last layers learn. OUT receives model.safetensors (for --weights of annotate-sse and locate-sites, or --trace-weights of
detect-anchors), model.json, metrics.csv, losses.png, config.json, and state.pt, from which --resume continues. The
network kept is the one with the lowest loss on held-out boxes, which may be the one it started from. No model of the
map is used.

With --task sites, the network learns what the homologs touch in their own structures: other chains, ligands, DNA and
RNA. They are read from the files of the database that was searched, with all chains and ligands.

Examples:

cryotools finetune map.mrc tuned --homologs examples --res 3.2 --boxes 4 --steps 2 --batch 1

cryotools finetune map.mrc anchors --task anchors --homologs examples --res 3 --boxes 4 --steps 2 --batch 1

cryotools finetune map.mrc sites --task sites --homologs examples --res 4.5 --boxes 4 --steps 2 --batch 1
"""


class Tuned(StrEnum):
    """What the network finds."""

    sse = "sse"
    anchors = "anchors"
    sites = "sites"


def command(
    map_file: Annotated[str, typer.Argument(metavar="MAP", help="The map to fit the network to.")],
    out: run.Out,
    homologs: Annotated[str, opt.main("--homologs", metavar="FOLDER", help="Structures of homologs.")],
    resolution: Annotated[float, opt.resolution("The map's resolution, Å.")],
    task: Annotated[
        Tuned,
        opt.main(
            "--task",
            metavar="NAME",
            help="The network: sse (annotate-sse), anchors (detect-anchors) or sites (locate-sites).",
        ),
    ] = Tuned.sse,
    weights: Annotated[
        str | None, opt.main("--weights", metavar="FILE", help="Start from this network instead of the shipped one.")
    ] = None,
    layers: Annotated[
        str, opt.main("--layers", metavar="N", help="Convolutions that learn, from the last: a number or all.")
    ] = "2",
    boxes: Annotated[int, opt.main("--boxes", min=4, metavar="N", help="Boxes to simulate.")] = 24,
    steps: run.Steps = 100,
    batch: run.Batch = 4,
    learning_rate: run.LearningRate = 1e-3,
    resume: run.Resume = False,
    every: run.Every = 25,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    precision: opt.TrainingPrecision = opt.Precision.auto,
    threads: opt.Threads = None,
    voxel_size: opt.VoxelSize = None,
    debug: opt.Debug = False,
) -> None:
    """Fit a network to one map, on maps simulated from homologs."""
    chosen = _layers(layers)
    set_threads(threads)
    from cryotools.core.errors import naming
    from cryotools.core.maps.mapfile import read_map
    from cryotools.homologs.adapt.finetune import FineTune, finetune
    from cryotools.homologs.adapt.kinds import tuned_kind

    structures = tuned_kind(task.value).homologs(homologs)
    if not structures:
        note(f"{homologs}: nothing to learn from; the shipped network stays as it is, and no file is written")
        return
    learning = FineTune(task.value, chosen, boxes, steps, learning_rate, batch, every, weights, seed, device)
    settings = replace(learning, precision=precision.value)
    volume = read_map(map_file, voxel_size=voxel_size)
    with progress() as reporter, naming(map_file):
        tuned = finetune(volume, resolution, structures, out, settings, resume=resume, progress=reporter)
    if json:
        figures = {"weights": str(tuned.path), "task": task.value, "homologs": list(tuned.learnt_from)}
        losses = {"loss_before": tuned.loss_before, "loss_after": tuned.loss_after}
        print_json({**figures, "held_out": list(tuned.judged_on), **losses, **vars(tuned.conditions)})
        return
    typer.echo(f"held-out loss {tuned.loss_before:.4f} before, {tuned.loss_after:.4f} after")
    note(f"{tuned.path}: fitted to {', '.join(tuned.learnt_from)}; judged on {', '.join(tuned.judged_on)}")


def _layers(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or not int(text):
        raise UsageError(f"--layers {text}: give a positive number, or all")
    return int(text)
