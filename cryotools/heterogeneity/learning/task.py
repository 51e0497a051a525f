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
from cryotools.core.errors import UsageError
from cryotools.heterogeneity.fourier import slice_frequencies
from cryotools.heterogeneity.learning.convergence import Convergence, watched_frequencies
from cryotools.heterogeneity.learning.dataset import HalfImages
from cryotools.heterogeneity.learning.posetable import PoseTable
from cryotools.heterogeneity.learning.predicted import Predicted, image_scale, moved
from cryotools.heterogeneity.network import RECONSTRUCTION, ReconstructionConfig, ReconstructionNetwork
from cryotools.training import distributed
from cryotools.training.step import update
from cryotools.training.task import Batch

_JUDGED = 64  # images at once in validation
_WATCHED = 200  # particles whose places are compared from one validation to the next
_VOLUMES = 4  # that are compared
_POSE_RATE = 100.0  # × the network's learning rate; corrections are in units of their spread


@dataclass(frozen=True)
class ReconstructionTraining:
    """`batch` images per step; the Kullback-Leibler divergence is weighted by `beta` and rises from 0 over the first
    `warmup` steps; None is 1, or 1 / zdim if the encoder sees pixels, which otherwise ignores the image. Frequencies
    up to a quarter of the box are fitted first, all from step `march` on. A fraction `held_out` of the images is not
    trained on.

    With `contrast`, each image has a scale of its own, around 1 with this spread. With `pose_angle` (degrees) and
    `pose_shift` (pixels) poses are corrected within such spreads, from epoch `poses_from` on, from 0; None is a fifth
    of the epochs that the run is started with, at least 1.
    """

    network: ReconstructionConfig = field(default_factory=lambda: ReconstructionConfig(64))
    batch: int = 16
    beta: float | None = None
    warmup: int = 500
    march: int = 0
    held_out: float = 0.05
    weight_decay: float = 0.0
    seed: int = 0
    contrast: float = 0.0
    pose_angle: float = 0.0
    pose_shift: float = 0.0
    poses_from: int | None = None

    @property
    def refines_poses(self) -> bool:
        """Whether poses are corrected."""
        return self.pose_angle > 0 or self.pose_shift > 0


class ReconstructionTask:
    """The autoencoder on prepared images, of which the encoder sees `features` (n, network.features), or else pixels.

    Raises
    ------
    UsageError
        Poses are to be corrected in several processes.
    """

    def __init__(
        self,
        images: HalfImages,
        config: ReconstructionTraining,
        device: str | torch.device = "cpu",
        features: np.ndarray | None = None,
    ) -> None:
        self.images, self.config, self.device = images, config, torch.device(device)
        self.features = None if features is None else torch.from_numpy(features).float().to(self.device)
        torch.manual_seed(config.seed)
        network = ReconstructionNetwork(config.network).to(self.device)
        network.decoder.set_amplitude(torch.from_numpy(images.by_radius(images.signal)))
        if network.encoder is not None:
            network.encoder.set_amplitude(self._amplitude())
        self.networks: dict[str, nn.Module] = {"reconstruction": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "reconstruction": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
        }
        self.averaging: dict[str, float | None] = {"poses": None}
        if config.refines_poses:
            if distributed.count() > 1:
                raise UsageError("poses are corrected in one process; start it without torchrun")
            table = PoseTable(len(images), config.pose_angle, config.pose_shift / images.box).to(self.device)
            self.networks["poses"] = table
            groups = [{"params": list(table.parameters()), "lr_scale": _POSE_RATE}]
            self.optimizers["poses"] = torch.optim.SparseAdam(groups)
        self.held_out, self.used = held_out(len(images), config)
        self.steps_per_epoch = max(len(self.used) // (config.batch * distributed.count()), 1)
        self.frequencies = torch.from_numpy(images.frequencies / images.box).float().to(self.device)
        self.radius = np.hypot(*images.frequencies.T)
        self.scores: dict[str, float] = {}
        self.convergence = Convergence()

    @property
    def converged(self) -> bool:
        """Whether longer training promises nothing; see `Convergence`."""
        return self.convergence.converged

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Values (b, m, 2), CTFs (b, m), rotations (b, 3, 3) and indices (b,) of images in the random order of an
        epoch, of which every process has its part.
        """
        epoch, at = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.config.seed, epoch]).permutation(self.used)
        begin = (at * distributed.count() + distributed.rank()) * self.config.batch
        return self.tensors(order[begin : begin + self.config.batch])

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        network = cast(ReconstructionNetwork, self.networks["reconstruction"].train())
        pixels, poses = self._pixels(step), self._poses(step)
        found = self.predicted(network, batch, pixels, sample=True, poses=poses)
        error, divergence = found.error(batch[0]).mean(), found.divergence.mean()
        rising = min(1.0, (step + 1) / max(self.config.warmup, 1))
        loss = error + (rising * self._beta * divergence + found.prior) / pixels
        if poses is not None:
            self.optimizers["poses"].zero_grad()
        update(network, self.optimizers["reconstruction"], loss)
        if poses is not None:
            self.optimizers["poses"].step()
        return {"squared_error": float(error.detach()), "divergence": float(divergence.detach())}

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """The same losses on the images that were held out, at the mean of z, and how much volumes and places have
        changed since the last validation.
        """
        network = cast(ReconstructionNetwork, averaged["reconstruction"])
        judged = self.held_out if len(self.held_out) else self.used[:: max(len(self.used) // _WATCHED, 1)]
        errors, divergences = [], []
        with torch.inference_mode():
            for part in np.array_split(judged, max(len(judged) // _JUDGED, 1)):
                batch = self.tensors(part, self.device)
                found = self.predicted(network, batch, len(self.radius))
                errors.append(found.error(batch[0]))
                divergences.append(found.divergence)
            error, divergence = (float(torch.cat(each).mean()) for each in (errors, divergences))
            changes = self.convergence.add(error, *self._watched(network))
        if len(self.held_out):
            self.scores = {"held_out_error": error, "held_out_divergence": divergence}
        return self.scores | changes

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged network, with its held-out scores."""
        about = {name: f"{value:.6g}" for name, value in self.scores.items()}
        network = cast(ReconstructionNetwork, averaged["reconstruction"])
        save_network(folder / "model.safetensors", network, RECONSTRUCTION, network.config, about=about)

    def state(self) -> dict[str, Any]:
        """The scores of the last validation, and the history of all."""
        return {"scores": self.scores, "convergence": self.convergence.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.scores = state["scores"]
        self.convergence.restore(state["convergence"])

    def tensors(self, at: np.ndarray, device: torch.device | None = None) -> Batch:
        """What `batch` returns of the images with indices (b,)."""
        values, ctf = map(torch.from_numpy, self.images.take(at))
        rotations = torch.from_numpy(self.images.rotations[at])
        parts = (torch.view_as_real(values), ctf, rotations, torch.from_numpy(at))
        return tuple(part.to(device) for part in parts) if device else parts

    def predicted(
        self,
        network: ReconstructionNetwork,
        batch: Batch,
        pixels: int,
        *,
        sample: bool = False,
        poses: PoseTable | None = None,
    ) -> Predicted:
        """What the images with this batch should be at the first `pixels` frequencies; `sample` draws z instead of
        taking its mean.
        """
        values, ctf, rotations, index = batch
        latent, divergence = None, values.new_zeros(len(values))
        if network.encoder is not None:
            mean, log_variance = network.encoder(self._seen(batch))
            divergence = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=1)
            latent = mean + torch.randn_like(mean) * torch.exp(log_variance / 2) if sample else mean
        prior, shifts = values.new_zeros(()), None
        with torch.autocast(self.device.type, enabled=False):
            if poses is not None:
                rotations, shifts, prior = poses(index, rotations)
            planes = slice_frequencies(self.frequencies[:pixels], rotations)
        found = network.decoder(planes, latent) * ctf[:, :pixels, None]
        if shifts is not None:
            found = moved(found, shifts * self.images.box, self.frequencies[:pixels])
        scale = image_scale(found, values[:, :pixels], self.config.contrast)
        return Predicted(scale[:, None, None] * found, scale, latent, divergence, prior)

    def trained_poses(self) -> PoseTable | None:
        """The corrections of poses, None if they are kept as they were given."""
        return cast(PoseTable, self.networks["poses"]) if self.config.refines_poses else None

    def _seen(self, batch: Batch) -> Tensor:
        """What the encoder sees of a batch (b, inputs)."""
        values, ctf, _, index = batch
        return (values * torch.sign(ctf)[..., None]).flatten(1) if self.features is None else self.features[index]

    def _amplitude(self) -> Tensor:
        """Root-mean-squares of `_seen` (inputs,)."""
        if self.features is None:
            return torch.from_numpy(np.repeat(self.images.amplitude, 2))
        return self.features.square().mean(dim=0).sqrt().clamp(min=1e-6)

    @property
    def _beta(self) -> float:
        if self.config.beta is not None:
            return self.config.beta
        return 1.0 if self.features is not None else 1 / max(self.config.network.zdim, 1)

    def _pixels(self, step: int) -> int:
        """The number of frequencies that are fitted at a step."""
        full = len(self.radius)
        if step >= self.config.march:
            return full
        radius = self.images.box / 4 * (1 + step / self.config.march)
        return max(int(np.searchsorted(self.radius, radius)), 1)

    def _poses(self, step: int) -> PoseTable | None:
        first = 1 if self.config.poses_from is None else self.config.poses_from
        began = step >= first * self.steps_per_epoch
        return self.trained_poses() if began else None

    def _watched(self, network: ReconstructionNetwork) -> tuple[np.ndarray, np.ndarray | None]:
        """Values (v, k, m) of some volumes in shells, and the places (n, zdim) of some particles, the same at each
        validation.
        """
        points = watched_frequencies(self.images.box, np.random.default_rng(self.config.seed))
        at = np.unique(np.linspace(0, len(self.images) - 1, min(len(self.images), _WATCHED)).astype(int))
        latent = None
        if network.encoder is not None:
            latent = network.encoder(self._seen(self.tensors(at, self.device)))[0]
        shown = None if latent is None else latent[:: max(len(latent) // _VOLUMES, 1)][:_VOLUMES]
        planes = torch.from_numpy(points.reshape(-1, 3)).float().to(self.device)
        found = network.decoder(planes.expand(1 if shown is None else len(shown), -1, -1), shown)
        volumes = torch.view_as_complex(found.contiguous()).cpu().numpy().reshape(len(found), *points.shape[:2])
        return volumes, None if latent is None else latent.cpu().numpy()


def held_out(count: int, config: ReconstructionTraining) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the images that are not trained on, and of those that are, of `count`."""
    order = np.random.default_rng(config.seed).permutation(count)
    held = round(config.held_out * count)
    return np.sort(order[:held]), np.sort(order[held:])
