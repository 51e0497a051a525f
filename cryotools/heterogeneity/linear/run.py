"""Fit a linear subspace to particles: from their metadata to a folder with its volumes and every particle's place."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.errors import DataError, UsageError
from cryotools.core.files.output import output_set, write_text
from cryotools.core.memory import check_grid_fits
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.backproject import common_voxel_size
from cryotools.heterogeneity.ensemble import LATENT, MODEL, PARTICLES
from cryotools.heterogeneity.firstlook import first_look
from cryotools.heterogeneity.learning.dataset import HalfImages
from cryotools.heterogeneity.learning.particletable import ParticleTable, indexed_text, latent_text
from cryotools.heterogeneity.learning.run import TrainedRun, particle_images
from cryotools.heterogeneity.linear.fit import fit_linear
from cryotools.heterogeneity.linear.imageslices import ImageSlices
from cryotools.heterogeneity.linear.model import LINEAR, LinearConfig, LinearVolumes
from cryotools.heterogeneity.linear.posterior import posterior
from cryotools.heterogeneity.linear.subspace import LinearTraining, Subspace, Sweep
from cryotools.heterogeneity.particles import Particles
from cryotools.heterogeneity.sample import poses_of
from cryotools.training.plot import add_metrics, draw_losses, read_metrics

_METRICS, _SETTINGS = "metrics.csv", "config.json"
_CLEAR, _DEAD = 0.02, 1e-4  # × the norm of the first component
_TINY = 1e-12  # of that norm, which is 0 where halves share nothing


@dataclass(frozen=True)
class LinearOptions:
    """How images are read: negated if `invert`, after a look at their poses if `check`; see `first_look`."""

    training: LinearTraining
    invert: bool | None = None
    check: bool = True


def train_linear(
    particles: Particles, folder: Path, options: LinearOptions, *, progress: Progress | None = None
) -> TrainedRun:
    """Fit a subspace, leaving in `folder` model.safetensors, latent.csv, particles.csv, metrics.csv, losses.png and
    config.json.

    Raises
    ------
    UsageError
        The particles have no poses, there are no components, or `folder` has another run.
    DataError
        There are too few images, one cannot be read or is not finite, or the grids do not fit into memory.
    """
    training = options.training
    _check(particles, folder, training)
    sign = first_look(particles, invert=options.invert, check=options.check).sign
    images = particle_images(particles, sign, progress=progress)
    about = {
        "arch": LINEAR.name,
        "particles": particles.name,
        "n_particles": len(particles),
        "sign": sign,
        "box": images.box,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _METRICS).unlink(missing_ok=True)
    write_text(folder / _SETTINGS, json.dumps(about | asdict(training), indent=1))
    record = _Record(folder)
    subspace = fit_linear(images, training, after=record.add, progress=progress)
    _finish(folder, images, subspace, particles, progress)
    share = subspace.deviations / max(subspace.deviations[0], _TINY)
    clear = int((share > _CLEAR).sum())
    return TrainedRun(record.last, f"{clear} of {training.zdim} components are above the noise")


def describe_images(images: HalfImages, subspace: Subspace, progress: Progress | None = None) -> ParticleTable:
    """Every image's posterior in a subspace."""
    progress = progress or NoProgress()
    progress.start(len(images), "particles")
    slices = ImageSlices(images, images.box / 2)
    table = slices.grid.table(subspace.volumes)
    parts = []
    for which in slices.batches(np.arange(len(images))):
        products = slices.compare(table, which)[0]
        found = posterior(products, subspace.spread)
        predicted = np.sqrt(np.maximum(found.predicted_power(products), 1e-12))
        support = np.einsum("nk,nk->n", found.weights, products.image) / predicted
        error = found.squared_error(products) / (2 * len(slices.pixels))
        parts.append((found.mean, error, support, found.scale))
        progress.advance(len(which))
    return ParticleTable(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _check(particles: Particles, folder: Path, training: LinearTraining) -> None:
    poses_of(particles)
    if training.zdim < 1:
        raise UsageError("a linear subspace has at least one component; `backproject` makes a single volume")
    if (folder / MODEL).exists():
        raise UsageError(f"{folder}: contains a training run; choose a new folder")
    if len(particles) < 4 * (training.zdim + 1):
        raise DataError(f"{particles.name}: has {len(particles)} particles, too few for {training.zdim} components")
    edge, count = 2 * particles.box, training.zdim + 1
    # bytes per point: sums, the table and the solution; a grid's copy has 4
    check_grid_fits((edge, edge, particles.box), copies=count * (count + 1) // 2 + 6 * count)


class _Record:
    """metrics.csv and losses.png."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.step, self.began = folder, 0, time.monotonic()
        self.last: dict[str, float] = {}

    def add(self, sweep: Sweep) -> None:
        self.step += 1
        self.last = {
            "step": self.step,
            "epoch": self.step,
            "radius": sweep.radius,
            "log_likelihood": sweep.log_likelihood,
            "scale_spread": sweep.spread,
            "held_out_error": sweep.squared_error,
            "seconds": time.monotonic() - self.began,
        }
        add_metrics(self.folder / _METRICS, self.last)


def _finish(
    folder: Path, images: HalfImages, subspace: Subspace, particles: Particles, progress: Progress | None
) -> None:
    table = describe_images(images, subspace, progress)
    deviations = subspace.deviations
    # components of one norm, so that distances of z are those of volumes
    share = np.maximum(deviations / max(deviations[0], _TINY), _DEAD)
    assert table.latent is not None
    network = LinearVolumes(LinearConfig(images.box, len(share)))
    network.mean.copy_(torch.from_numpy(subspace.volumes[0]))
    network.components.copy_(torch.from_numpy(subspace.volumes[1:] / share[:, None, None, None]))
    about = {
        "voxel_size": f"{common_voxel_size(particles.voxel_size):.8g}",
        "deviations": json.dumps([float(f"{each:.5g}") for each in share]),
        "scale_spread": f"{subspace.spread:.5g}",
    }
    metrics = read_metrics(folder / _METRICS)
    draw_losses(folder / "losses.png", {k: metrics[k] for k in ("step", "log_likelihood", "held_out_error")})
    with output_set():
        write_text(folder / LATENT, latent_text(table.latent * share))
        write_text(folder / PARTICLES, indexed_text(table.columns()))
        save_network(folder / MODEL, network, LINEAR, network_config(network), about=about)


def network_config(network: LinearVolumes) -> LinearConfig:
    """The configuration that fits."""
    return LinearConfig(network.mean.shape[0], len(network.components))
