"""Train a reconstruction with `training.loop`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from cryotools.core.compute.checkpoint import save_network
from cryotools.heterogeneity.fourier import slice_frequencies
from cryotools.heterogeneity.learning.dataset import HalfImages
from cryotools.heterogeneity.network import RECONSTRUCTION, ReconstructionConfig, ReconstructionNetwork
from cryotools.training.step import update
from cryotools.training.task import Batch

_JUDGED = 64  # images at once in validation


@dataclass(frozen=True)
class ReconstructionTraining:
    """`batch` images per step; the Kullback-Leibler divergence is weighted by `beta` (None: 1 / zdim) and rises from 0
    over the first `warmup` steps. Frequencies up to a quarter of the box are fitted first, all from step `march` on.
    A fraction `held_out` of the images is not trained on.
    """

    network: ReconstructionConfig = field(default_factory=lambda: ReconstructionConfig(64))
    batch: int = 16
    beta: float | None = None
    warmup: int = 500
    march: int = 0
    held_out: float = 0.05
    weight_decay: float = 0.0
    seed: int = 0


class ReconstructionTask:
    """The autoencoder on prepared images."""

    def __init__(self, images: HalfImages, config: ReconstructionTraining, device: str | torch.device = "cpu") -> None:
        self.images, self.config, self.device = images, config, torch.device(device)
        torch.manual_seed(config.seed)
        network = ReconstructionNetwork(config.network).to(self.device)
        network.decoder.set_amplitude(torch.from_numpy(images.by_radius(images.signal)))
        if network.encoder is not None:
            network.encoder.set_amplitude(torch.from_numpy(images.amplitude))
        self.networks: dict[str, nn.Module] = {"reconstruction": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "reconstruction": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
        }
        self.averaging: dict[str, float | None] = {}
        order = np.random.default_rng(config.seed).permutation(len(images))
        held = round(config.held_out * len(images))
        self.held_out, self.used = np.sort(order[:held]), np.sort(order[held:])
        self.steps_per_epoch = max(len(self.used) // config.batch, 1)
        self.frequencies = torch.from_numpy(images.frequencies / images.box).float().to(self.device)
        self.radius = np.hypot(*images.frequencies.T)
        self.scores: dict[str, float] = {}

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Values (b, m, 2), CTFs (b, m) and rotations (b, 3, 3) of images in the random order of an epoch."""
        epoch, at = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.config.seed, epoch]).permutation(self.used)
        return self._tensors(order[at * self.config.batch : (at + 1) * self.config.batch])

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        network = cast(ReconstructionNetwork, self.networks["reconstruction"].train())
        fitted, divergence = self._losses(network, batch, self._pixels(step), sample=True)
        rising = min(1.0, (step + 1) / max(self.config.warmup, 1))
        loss = fitted + rising * self._beta * divergence / self._pixels(step)
        update(network, self.optimizers["reconstruction"], loss)
        return {"squared_error": float(fitted.detach()), "divergence": float(divergence.detach())}

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """The same losses on the images that were held out, at the mean of z."""
        if not len(self.held_out):
            return self.scores
        network = cast(ReconstructionNetwork, averaged["reconstruction"])
        parts = np.array_split(self.held_out, max(len(self.held_out) // _JUDGED, 1))
        with torch.inference_mode():
            each = [
                [float(one) for one in self._losses(network, self._tensors(part, self.device), len(self.radius))]
                for part in parts
            ]
        mean = np.average(each, axis=0, weights=[len(part) for part in parts])
        self.scores = {"held_out_error": float(mean[0]), "held_out_divergence": float(mean[1])}
        return self.scores

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged network, with its held-out scores."""
        about = {name: f"{value:.6g}" for name, value in self.scores.items()}
        network = cast(ReconstructionNetwork, averaged["reconstruction"])
        save_network(folder / "model.safetensors", network, RECONSTRUCTION, network.config, about=about)

    def state(self) -> dict[str, Any]:
        """The scores of the last validation."""
        return {"scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.scores = state["scores"]

    @property
    def _beta(self) -> float:
        return self.config.beta if self.config.beta is not None else 1 / max(self.config.network.zdim, 1)

    def _pixels(self, step: int) -> int:
        """The number of frequencies that are fitted at a step."""
        full = len(self.radius)
        if step >= self.config.march:
            return full
        radius = self.images.box / 4 * (1 + step / self.config.march)
        return max(int(np.searchsorted(self.radius, radius)), 1)

    def _tensors(self, at: np.ndarray, device: torch.device | None = None) -> Batch:
        values, ctf = map(torch.from_numpy, self.images.take(at))
        parts = (torch.view_as_real(values), ctf, torch.from_numpy(self.images.rotations[at]))
        return tuple(part.to(device) for part in parts) if device else parts

    def _losses(
        self, network: ReconstructionNetwork, batch: Batch, pixels: int, *, sample: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The mean squared error of the first `pixels` frequencies, and the divergence of z per image."""
        values, ctf, rotations = batch
        latent, divergence = None, values.new_zeros(())
        if network.encoder is not None:
            mean, log_variance = network.encoder(values * torch.sign(ctf)[..., None])
            divergence = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=1).mean()
            latent = mean + torch.randn_like(mean) * torch.exp(log_variance / 2) if sample else mean
        with torch.autocast(self.device.type, enabled=False):
            planes = slice_frequencies(self.frequencies[:pixels], rotations)
        found = network.decoder(planes, latent) * ctf[:, :pixels, None]
        return (found - values[:, :pixels]).square().mean(), divergence
