"""`cryotools train-sites`: train a network on simulated maps to find where proteins bind others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli import trainrun as run
from cryotools.cli.console import print_json, progress

NAME = "train-sites"
EPILOG = """Maps of 3.5 to 7 Å are simulated from STRUCTURES, with noise and masks: of complexes as they are, and of
chains and proteins without their partners, labelled with the sites of the complex. STRUCTURES is a folder, a text file
with one path per line, or a CSV table with the column file and optionally complete: no marks files that lack chains or
ligands of their entries, whose residues without a contact are then not counted as free. Give biological assemblies,
each chain with its own name. OUT/simulated (or --cache) keeps the maps for the next run.

The network is judged and calibrated on maps of the structures in --held-out, which should not be related to the
others. OUT receives model.safetensors (for locate-sites --weights), metrics.csv, losses.png, config.json, and
state.pt, from which --resume continues. Scores are over voxels of the held-out proteins.

Examples:

cryotools train-sites examples sites-run --simulated 2 --steps 2 --batch 1 --cube 16 --width 4

cryotools train-sites examples judged --held-out examples --simulated 1 --steps 1 --cube 16 --width 4 --json
"""


def command(
    structures: Annotated[
        str, typer.Argument(metavar="STRUCTURES", help="Complexes to simulate maps of: a folder or a list.")
    ],
    out: run.Out,
    held_out: Annotated[
        str | None,
        opt.main("--held-out", metavar="PATH", help="Judge and calibrate on these structures: a folder or a list."),
    ] = None,
    simulated: Annotated[
        int | None, opt.main("--simulated", min=1, metavar="N", help="Boxes to simulate; default: two per structure.")
    ] = None,
    steps: run.Steps = 5000,
    batch: run.Batch = 6,
    cube: run.Cube = 40,
    width: Annotated[
        int, opt.main("--width", min=1, metavar="N", help="Channels at the finest level; ignored with --init.")
    ] = 20,
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
    """Train a network that finds binding sites in maps."""
    usable = run.share_threads(threads)
    from cryotools.core.compute.device import resolve_device
    from cryotools.sites.learning.tasks import SiteOptions, describe_sites, make_site_task, site_structures
    from cryotools.sites.learning.train import SiteTraining
    from cryotools.sites.network import BindingSitesConfig
    from cryotools.training import distributed
    from cryotools.training.loop import check_folder, train, training_precision

    asked = run.Run(
        structures, out, "none", steps, learning_rate, every, seed, device, precision, threads, workers, resume
    )
    folder = Path(out)
    check_folder(folder, resume)
    place = resolve_device(distributed.local_device(device))
    training_precision(precision.value, place)
    with distributed.joined(place), progress() as reporter:
        complexes = site_structures(structures)
        judged = site_structures(held_out) if held_out else None
        boxes = Path(cache) if cache else folder / "simulated"
        config = SiteTraining(BindingSitesConfig(width), cube, batch)
        options = SiteOptions(config, boxes, simulated, init, place, seed)
        task = make_site_task(complexes, judged, options, reporter)
        about = describe_sites(task, complexes, options)
        number = run.workers_of(workers, place, usable)
        metrics = train(
            task, folder, run.loop_config(asked), about=about, resume=resume, progress=reporter, workers=number
        )
        if not distributed.is_first():
            return
    counts = {"n_simulated": len(task.examples), "n_held_out": len(task.held_out)}
    if json:
        print_json({"folder": out, "arch": about["arch"], **counts, **metrics, "step": int(metrics["step"])})
        return
    told = f"judged on {counts['n_held_out']} held-out boxes" if judged else "not calibrated, as nothing was held out"
    run.print_scores(
        metrics, f"{folder / 'model.safetensors'}: trained on {counts['n_simulated']} simulated boxes; {told}"
    )
