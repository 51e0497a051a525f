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
from cryotools.core.files.table import csv_text
from cryotools.core.progress import Progress
from cryotools.heterogeneity.backproject import common_voxel_size
from cryotools.heterogeneity.contrast import image_contrast, warn_if_unclear
from cryotools.heterogeneity.ctf import ctf
from cryotools.heterogeneity.ensemble import LATENT, MODEL
from cryotools.heterogeneity.learning.dataset import HalfImages, ImageSource, half_images
from cryotools.heterogeneity.learning.task import ReconstructionTask, ReconstructionTraining
from cryotools.heterogeneity.network import RECONSTRUCTION, ReconstructionNetwork
from cryotools.heterogeneity.particles import Particles
from cryotools.heterogeneity.sample import poses_of, take_sample
from cryotools.training.loop import LoopConfig, check_folder, train

_AT_ONCE = 1000  # images


@dataclass(frozen=True)
class ReconstructionOptions:
    """How images are read: negated if `invert` (None: as they look, see `image_contrast`), and divided by the noise's
    amplitude at each frequency (`whiten`) or its mean.
    """

    training: ReconstructionTraining
    loop: LoopConfig = field(default_factory=LoopConfig)
    invert: bool | None = None
    whiten: bool = True
    device: str | torch.device = "cpu"


def train_drgn(
    particles: Particles,
    folder: Path,
    options: ReconstructionOptions,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Train a reconstruction, leaving in `folder` what the training loop does and latent.csv, with the place of every
    particle; returns the last line of metrics.csv.

    Raises
    ------
    UsageError
        The particles have no poses, the box is odd, or `folder` has another run.
    DataError
        An image cannot be read or is not finite, or a loss is not.
    """
    check_folder(folder, resume)
    poses_of(particles)
    sign = _sign(particles, options.invert)
    images = particle_images(particles, sign, whiten=options.whiten, progress=progress)
    training = replace(options.training, network=replace(options.training.network, box=particles.box))
    task = ReconstructionTask(images, training, options.device)
    about = {"arch": RECONSTRUCTION.name, "particles": particles.name, "n": len(particles), "sign": sign}
    about |= {"whiten": options.whiten, **{f"network_{k}": v for k, v in vars(training.network).items()}}
    about |= {key: value for key, value in vars(training).items() if key != "network"}
    metrics = train(task, folder, options.loop, about=about, resume=resume, progress=progress)
    _finish(folder, images, particles, options.device)
    return metrics


def _sign(particles: Particles, invert: bool | None) -> int:
    if invert is not None:
        return -1 if invert else 1
    contrast = image_contrast(take_sample(particles))
    warn_if_unclear(contrast, particles.name)
    return contrast.sign


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


def _finish(folder: Path, images: HalfImages, particles: Particles, device: str | torch.device) -> None:
    """Store with the network what maps need, and write the place of every particle."""
    path = folder / MODEL
    network, config, about = load_network(path, [RECONSTRUCTION])
    assert isinstance(network, ReconstructionNetwork)
    told = {
        "voxel_size": f"{common_voxel_size(particles.voxel_size):.8g}",
        "noise": json.dumps(images.by_radius(images.noise).tolist()),
    }
    save_network(path, network, RECONSTRUCTION, config, about={**about, **told})
    if network.encoder is not None:
        write_text(folder / LATENT, latent_text(encode(network, images, device)))


def encode(network: ReconstructionNetwork, images: HalfImages, device: str | torch.device = "cpu") -> np.ndarray:
    """The mean of z (n, zdim) of every image.

    Raises
    ------
    DataError
        The network has no encoder.
    """
    if network.encoder is None:
        raise DataError("the network has a single volume and no latent space")
    encoder, parts = network.encoder.to(device).eval(), []
    with torch.inference_mode():
        for begin in range(0, len(images), _AT_ONCE):
            taken, factors = images.take(np.arange(begin, min(begin + _AT_ONCE, len(images))))
            values = torch.view_as_real(torch.from_numpy(taken)).to(device)
            sign = torch.from_numpy(np.sign(factors)).to(device)
            parts.append(encoder(values * sign[..., None])[0].cpu().numpy())
    return np.concatenate(parts)


def latent_text(latent: np.ndarray) -> str:
    """A table with a row per particle: its index in the metadata file, from 0, and its z (zdim columns)."""
    names = [f"z_{number}" for number in range(1, latent.shape[1] + 1)]
    rows = ({"index": at} | dict(zip(names, map(float, z), strict=True)) for at, z in enumerate(latent))
    return csv_text(["index", *names], rows)
