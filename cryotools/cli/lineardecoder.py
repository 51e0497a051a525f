"""train-drgn with a linear decoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cryotools.cli.console import note, print_json, progress
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    from cryotools.heterogeneity.particles import Particles

_OF_NETWORKS = (
    "width",
    "layers",
    "batch",
    "learning_rate",
    "beta",
    "components",
    "refine_angles",
    "refine_shifts",
    "until_converged",
    "resume",
    "device",
    "precision",
)


def refuse_network_options(context: typer.Context) -> None:
    """Raise UsageError if an option is given that only networks have."""
    for name in _OF_NETWORKS:
        if _is_given(context, name):
            raise UsageError(f"--{name.replace('_', '-')} is for networks; leave it out with --decoder linear")


def fit_subspace(context: typer.Context, particles: Particles, out: str) -> None:
    """Fit a linear subspace, with the options of the command line."""
    from cryotools.heterogeneity.linear.run import LinearOptions, train_linear
    from cryotools.heterogeneity.linear.subspace import LinearTraining

    options = context.params
    training = LinearTraining(
        zdim=options["zdim"],
        sweeps=options["epochs"] if _is_given(context, "epochs") else LinearTraining.sweeps,
        contrast=options["contrast"] if _is_given(context, "contrast") else LinearTraining.contrast,
        seed=options["seed"],
    )
    reading = LinearOptions(training, options["invert"], options["check"])
    with progress() as reporter:
        found = train_linear(particles, Path(out), reading, progress=reporter)
    if options["json"]:
        print_json({"particles": options["particles"], "n_particles": len(particles), "folder": out, **found.metrics})
    note(
        f"{out}: {len(particles)} particles of {particles.box} px, {found.metrics['epoch']:.0f} passes, held-out error "
        f"{found.metrics['held_out_error']:.4f}; {found.advice}"
    )


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
