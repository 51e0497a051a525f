"""Train a reconstruction on particles: from their metadata to a folder with a network and every particle's place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from cryotools.core.compute.checkpoint import load_network, save_network
from cryotools.core.errors import DataError
from cryotools.core.files.output import write_text
from cryotools.core.progress import Progress
from cryotools.heterogeneity.backproject import common_voxel_size
from cryotools.heterogeneity.ctf import ctf
from cryotools.heterogeneity.ensemble import LATENT, MODEL, PARTICLES
from cryotools.heterogeneity.firstlook import first_look
from cryotools.heterogeneity.learning.dataset import HalfImages, ImageSource, half_images
from cryotools.heterogeneity.learning.features import run_features
from cryotools.heterogeneity.learning.particletable import describe_particles, indexed_text, latent_text
from cryotools.heterogeneity.learning.task import ReconstructionTask, ReconstructionTraining, held_out
from cryotools.heterogeneity.network import RECONSTRUCTION, ReconstructionNetwork
from cryotools.heterogeneity.particles import Particles
from cryotools.heterogeneity.sample import poses_of
from cryotools.training import distributed
from cryotools.training.loop import LoopConfig, check_folder, train

_IMAGES_PER_COMPONENT = 4  # at least
_AVERAGING = 0.99
_COOLDOWN = 0.25  # × the steps until a run has converged


@dataclass(frozen=True)
class ReconstructionOptions:
    """How images are read: negated if `invert`, after a look at their poses if `check` (see `first_look`), and divided
    by the noise's amplitude at each frequency (`whiten`) or its mean. The encoder sees them in a linear subspace of so
    many `components`, fewer for less than four images per component, or their pixels if there are none.
    """

    training: ReconstructionTraining
    loop: LoopConfig = field(default_factory=LoopConfig)
    invert: bool | None = None
    check: bool = True
    whiten: bool = True
    components: int = 8
    device: str | torch.device = "cpu"


def epochs_of(
    epochs: int, *, learning_rate: float = 1e-3, seed: int = 0, precision: str = "fp32", until_converged: bool = False
) -> LoopConfig:
    """A loop that validates and saves after every epoch, and may end early if nothing improves."""
    return LoopConfig(
        epochs=epochs,
        learning_rate=learning_rate,
        averaging=_AVERAGING,
        validate_every=1,
        save_every=1,
        seed=seed,
        precision=precision,
        cooldown=_COOLDOWN if until_converged else None,
    )


@dataclass(frozen=True)
class TrainedRun:
    """The last line of metrics.csv, and whether longer training would help, in words."""

    metrics: dict[str, float]
    advice: str


def train_reconstruction(
    particles: Particles,
    folder: Path,
    options: ReconstructionOptions,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainedRun:
    """Train a reconstruction, leaving in `folder` what the training loop does; latent.csv, with the place of every
    particle; and particles.csv, with what else is known of it, see `ParticleTable`.

    Raises
    ------
    UsageError
        The particles have no poses, the box is odd, or `folder` has another run.
    DataError
        An image cannot be read or is not finite, or a loss is not.
    """
    check_folder(folder, resume)
    poses_of(particles)
    sign = first_look(particles, invert=options.invert, check=options.check and not resume).sign
    images = particle_images(particles, sign, whiten=options.whiten, progress=progress)
    used = held_out(len(images), options.training)[1]
    components = min(options.components, len(used) // _IMAGES_PER_COMPONENT) if options.training.network.zdim else 0
    features = None
    if components:
        features = run_features(folder, images, used, components, resume=resume, progress=progress)
    network = replace(options.training.network, box=particles.box, features=2 * components)
    training = replace(options.training, network=network, poses_from=_poses_from(folder, options, resume))
    task = ReconstructionTask(images, training, options.device, features)
    about = {"arch": RECONSTRUCTION.name, "particles": particles.name, "n_particles": len(particles), "sign": sign}
    about |= {"whiten": options.whiten, **{f"network_{k}": v for k, v in vars(training.network).items()}}
    about |= {key: value for key, value in vars(training).items() if key != "network"}
    metrics = train(task, folder, options.loop, about=about, resume=resume, progress=progress)
    distributed.on_first(_finish, folder, task, particles, progress)
    return TrainedRun(metrics, task.convergence.advice())


def particle_images(
    particles: Particles, sign: int, *, whiten: bool = True, progress: Progress | None = None
) -> HalfImages:
    """The images of particles with poses, as a task reads them; `sign` is what they are multiplied with."""

    def transfer(at: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        """The CTF (k, m) of some at frequencies (m, 2) in cycles per pixel."""
        if particles.ctf is None:
            return np.ones((len(at), len(frequencies)), dtype=np.float32)
        return ctf(particles.ctf[at], frequencies / particles.voxel_size[at, None, None])

    poses = poses_of(particles)
    source = ImageSource(particles.images.read, transfer, poses.rotations, poses.shifts, particles.box, sign)
    return half_images(source, whiten=whiten, progress=progress)


def _poses_from(folder: Path, options: ReconstructionOptions, resume: bool) -> int:
    """The epoch in which poses begin to be corrected; that of a resumed run does not change with its length."""
    if options.training.poses_from is not None:
        return options.training.poses_from
    if resume:
        try:
            return int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["poses_from"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder / 'config.json'}: is not that of a run ({error}); start a new one") from error
    return max(1, (options.loop.epochs or 1) // 5)


def _finish(folder: Path, task: ReconstructionTask, particles: Particles, progress: Progress | None) -> None:
    """Store with the network what maps need, and write what it says about every particle."""
    path = folder / MODEL
    network, config, about = load_network(path, [RECONSTRUCTION])
    assert isinstance(network, ReconstructionNetwork)
    images = task.images
    told = {
        "voxel_size": f"{common_voxel_size(particles.voxel_size):.8g}",
        "noise": json.dumps(images.by_radius(images.noise).tolist()),
    }
    save_network(path, network, RECONSTRUCTION, config, about={**about, **told})
    table = describe_particles(task, network, progress)
    if table.latent is not None:
        write_text(folder / LATENT, latent_text(table.latent))
    write_text(folder / PARTICLES, indexed_text(table.columns()))
