"""Train cryo-GAN's VAE-GAN (Rozanov and Wolfson): reconstruction and latent losses, and a discriminator held back.

The reconstruction loss is the mean squared error with penalties on each cube's mean and standard deviation (targets 0.5
and 0.16); the discriminator is updated only while its accuracy is below 80 %, and not by the generator's step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.inference import apply_in_one_piece
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.structure import Structure
from cryotools.metrics.correlation import pearson
from cryotools.nn.conditions import Conditioned
from cryotools.nn.patch import PatchDiscriminator
from cryotools.simulate.learned.element_channels import ELEMENT_CHANNELS, element_channels
from cryotools.simulate.learned.examples import SimulatorExample, SimulatorExamples
from cryotools.simulate.learned.inputs import Condition, simulator_conditions
from cryotools.simulate.learned.vae_network import DEVIATION, MEAN, VAE_GENERATOR, Noised, VaeConfig, VaeGenerator
from cryotools.training.adversary import fooling_loss, update_discriminator
from cryotools.training.pairs import Pair
from cryotools.training.plot import write_scores
from cryotools.training.step import on_device, update
from cryotools.training.task import Batch


@dataclass(frozen=True)
class VaeGanConfig:
    """Weights of the losses relative to the mean squared error (in units of the targets' variance): `statistics` for
    the penalties on mean and standard deviation, `latent` for the divergence per latent value, `adversarial`.
    """

    generator: VaeConfig = field(default_factory=VaeConfig)
    discriminator_width: int = 24
    cube: int = 32
    batch: int = 8
    statistics: float = 0.1
    latent: float = 0.02
    adversarial: float = 0.05
    background: float = 0.05
    hide_sharpness: float = 0.6
    weight_decay: float = 1e-4


class VaeGanTask:
    """VAE generator and discriminator on curated pairs, as `training.loop` trains them on `device`; examples are
    kept in `folder` (None: for the lifetime of the task).
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        held_out: Sequence[Pair],
        config: VaeGanConfig,
        device: str | torch.device = "cpu",
        start: nn.Module | None = None,
        folder: Path | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.examples = SimulatorExamples(pairs, _channels, held_out, folder)
        levels = np.mean([_level(versions[0]) for versions in self.examples.versions], axis=0)
        mean, deviation = (round(float(value), 5) for value in levels)
        self.config = replace(config, generator=replace(config.generator, mean=mean, deviation=deviation))
        generator = VaeGenerator(self.config.generator)
        if start is not None:
            generator.load_state_dict(start.state_dict())
        discriminator = PatchDiscriminator(len(ELEMENT_CHANNELS) + 1, config.discriminator_width)
        self.networks: dict[str, nn.Module] = {
            "generator": on_device(generator, self.device),
            "discriminator": discriminator.to(self.device),
        }
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay, betas=(0.5, 0.99))
            for name, network in self.networks.items()
        }
        self.scores: dict[str, dict[str, float]] = {}

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update of the generator, and of the discriminator unless it is ahead."""
        atoms, conditions, target, weight = batch
        generator, config = cast(VaeGenerator, self.networks["generator"]), self.config
        generator.train()
        mean, log_variance = generator.latent(atoms, conditions)
        latent = mean + torch.randn_like(mean) * torch.exp(log_variance / 2)
        made = generator.decoded(latent, conditions)
        parts = {
            "squared_error": ((made - target) ** 2 * weight).sum() / weight.sum() / DEVIATION**2,
            "statistics": _statistics(made, weight),
            "latent": 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean(),
        }
        discriminator = self.networks["discriminator"]
        real, false = self._judge(target, atoms), self._judge(made.detach(), atoms)
        losses = update_discriminator(discriminator, self.optimizers["discriminator"], real, false)
        parts["adversarial"] = fooling_loss(self._judge(made, atoms))
        weights = {
            "squared_error": 1.0,
            "statistics": config.statistics,
            "latent": config.latent,
            "adversarial": config.adversarial,
        }
        loss = cast(Tensor, sum(weights[name] * part for name, part in parts.items()))
        update(generator, self.optimizers["generator"], loss)
        return {name: float(part.detach()) for name, part in parts.items()} | losses

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Mean Pearson correlation within 3 Å of atoms over the held-out maps, for the latent mean and a sample."""
        self.scores = {}
        for (example,) in self.examples.held_out:
            wanted = example.target[example.near].astype(np.float32)
            generator = cast(VaeGenerator, averaged["generator"])
            made = {name: self._whole(generator, example, of) for name, of in (("", 0.0), ("_sample", 1.0))}
            self.scores[example.id] = {
                f"pearson{name}": pearson(data[example.near], wanted) for name, data in made.items()
            }
        if not self.scores:
            return {}
        names = next(iter(self.scores.values()))
        return {f"held_out_{name}": float(np.mean([of[name] for of in self.scores.values()])) for name in names}

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged generator, and the scores of the last validation by map."""
        save_network(folder / "model.safetensors", averaged["generator"], VAE_GENERATOR, self.config.generator)
        if self.scores:
            write_scores(folder / "held_out.csv", self.scores)

    def state(self) -> dict[str, Any]:
        """The scores of the last validation."""
        return {"scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.scores = state["scores"]

    def _judge(self, made: Tensor, atoms: Tensor) -> Tensor:
        """The discriminator's logits for maps together with their atoms."""
        return self.networks["discriminator"](torch.cat([(made - MEAN) / DEVIATION, atoms], dim=1))

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Atoms (b, 5, n, n, n), conditions (b, k), targets and weights (b, 1, n, n, n) of random rotated cubes."""
        cubes = []
        for example, cube_of in self.examples.draw(random, self.config.batch, self.config.cube):
            sharpness = example.sharpness if random.random() >= self.config.hide_sharpness else None
            conditions = simulator_conditions(Condition(example.resolution, False, sharpness))
            mean, deviation = _level(example)
            wanted = (cube_of(example.target) - mean) * (DEVIATION / deviation) + MEAN
            cubes.append([cube_of(example.density), conditions, wanted[None], cube_of(example.weight)[None]])
        atoms, told, target, weight = (torch.from_numpy(np.stack(part)) for part in zip(*cubes, strict=True))
        weight = weight * (1 - self.config.background) + self.config.background * (weight >= 0)
        return atoms.to(memory_format=torch.channels_last_3d), told, target, weight.clamp_min(0)

    def _whole(self, generator: VaeGenerator, example: SimulatorExample, noise: float) -> np.ndarray:
        """The generator's map (nz, ny, nx) of a whole example, with noise of that standard deviation."""
        padded = [-(-n // generator.multiple) * generator.multiple for n in example.target.shape]
        within = tuple(slice(n) for n in example.target.shape)
        channels = np.zeros((len(ELEMENT_CHANNELS) + 1, *padded), dtype=np.float32)
        channels[(slice(-1), *within)] = example.density
        channels[-1] = noise * np.random.default_rng(0).standard_normal(padded, dtype=np.float32)
        conditions = torch.from_numpy(simulator_conditions(Condition(example.resolution, False)))
        network, compute = Conditioned(Noised(generator), conditions), Compute(str(self.device), "fp32")
        return apply_in_one_piece(network, channels, compute)[0][within]


def _channels(structure: Structure, grid: Grid, resolution: float) -> np.ndarray:
    return element_channels(structure, grid)


def _level(example: SimulatorExample) -> tuple[np.float32, np.float32]:
    """Mean and standard deviation of an example's target where the loss counts fully."""
    return np.float32(example.mean), np.float32(example.deviation)


def _statistics(made: Tensor, weight: Tensor) -> Tensor:
    """Squared error of the cubes' means and standard deviations, weighted by voxel, from their targets, over 0.16²."""
    total = weight.sum(dim=(1, 2, 3, 4)).clamp_min(1)
    mean = (made * weight).sum(dim=(1, 2, 3, 4)) / total
    variance = ((made - mean[:, None, None, None, None]) ** 2 * weight).sum(dim=(1, 2, 3, 4)) / total
    deviation = variance.clamp_min(1e-8).sqrt()
    return (((mean - MEAN) ** 2 + (deviation - DEVIATION) ** 2) / DEVIATION**2).mean()
