"""Train a learned simulator on curated pairs: SmoothL1 near atoms, a correlation term, and an adversary.

struc2mapGAN's recipe (SmoothL1 + alpha × adversarial loss) with its known weakness removed: inputs come from the same
function in training and in use. Targets blurred to coarser resolutions teach the network what its resolution means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.inference import apply_in_one_piece, apply_network
from cryotools.core.compute.runner import Compute
from cryotools.metrics.correlation import pearson
from cryotools.nn.conditions import Conditioned
from cryotools.simulate.learned.examples import SimulatorExample, SimulatorExamples
from cryotools.simulate.learned.inputs import Condition, density_channels, simulator_conditions, with_condition
from cryotools.simulate.learned.network import (
    GENERATOR,
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
)
from cryotools.training.adversary import fooling_loss, update_discriminator
from cryotools.training.pairs import Pair
from cryotools.training.plot import write_scores
from cryotools.training.step import on_device, update
from cryotools.training.task import Batch

_WHOLE = 160**3  # voxels that a network processes in one piece; larger maps are tiled


@dataclass(frozen=True)
class GanConfig:
    """`adversarial` is the weight of the adversarial loss (0 trains without it), `correlation` that of 1 − Pearson per
    cube; `background` weights voxels beyond 4 Å of atoms; B factors and sharpness are hidden with probabilities
    `hide_b_factors` and `hide_sharpness`.
    """

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    cube: int = 32
    batch: int = 8
    adversarial: float = 0.0
    correlation: float = 0.1
    background: float = 0.05
    hide_b_factors: float = 0.4
    hide_sharpness: float = 0.6
    weight_decay: float = 1e-4


class GanTask:
    """Generator and discriminator on curated pairs, as `training.loop` trains them on `device`.

    `start` is a generator of the config's shape to continue from, instead of a new one; examples are kept in `folder`
    (None: for the lifetime of the task).
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        held_out: Sequence[Pair],
        config: GanConfig,
        device: str | torch.device = "cpu",
        start: nn.Module | None = None,
        folder: Path | None = None,
    ) -> None:
        self.config, self.device = config, torch.device(device)
        generator = on_device(Generator(config.generator), self.device)
        if start is not None:
            generator.load_state_dict(start.state_dict())
        self.networks: dict[str, nn.Module] = {"generator": generator}
        if config.adversarial:
            self.networks["discriminator"] = Discriminator(config.discriminator).to(self.device)
        betas = (0.5, 0.99) if config.adversarial else (0.9, 0.999)
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay, betas=betas)
            for name, network in self.networks.items()
        }
        self.examples = SimulatorExamples(pairs, density_channels, held_out, folder)
        self.scores: dict[str, dict[str, float]] = {}  # of the last validation, by map

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update of the generator, and of the discriminator if there is one."""
        channels, conditions, target, weight = batch
        generator = self.networks["generator"]
        generator.train()
        made = generator(channels, conditions)
        fidelity = (functional.smooth_l1_loss(made, target, reduction="none") * weight).sum() / weight.sum()
        likeness = correlation_loss(made, target, weight)
        loss = fidelity + self.config.correlation * likeness
        losses = {"smooth_l1": float(fidelity.detach()), "one_minus_pearson": float(likeness.detach())}
        if "discriminator" in self.networks:
            discriminator = self.networks["discriminator"]
            real, false = discriminator(target, channels), discriminator(made.detach(), channels)
            losses |= update_discriminator(discriminator, self.optimizers["discriminator"], real, false)
            fooled = fooling_loss(discriminator(made, channels))
            loss = loss + self.config.adversarial * fooled
            losses["adversarial"] = float(fooled.detach())
        update(generator, self.optimizers["generator"], loss)
        return losses

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Mean Pearson correlation within 3 Å of atoms over the held-out maps: with B factors, without, and with B
        factors and the map's sharpness. Empty if no map is held out.
        """
        asked = {"pearson": (True, False), "pearson_no_b": (False, False), "pearson_sharpness": (True, True)}
        self.scores = {example.id: {} for (example,) in self.examples.held_out}
        for (example,) in self.examples.held_out:
            for name, (b_factors, told) in asked.items():
                condition = Condition(example.resolution, b_factors, example.sharpness if told else None)
                made = _whole(averaged["generator"], example, condition, self.device)
                wanted = example.target[example.near].astype(np.float32)
                self.scores[example.id][name] = pearson(made[example.near], wanted)
        if not self.scores:
            return {}
        return {f"held_out_{name}": float(np.mean([of[name] for of in self.scores.values()])) for name in asked}

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged generator, and the scores of the last validation by map."""
        save_network(folder / "model.safetensors", averaged["generator"], GENERATOR, self.config.generator)
        if self.scores:
            write_scores(folder / "held_out.csv", self.scores)

    def state(self) -> dict[str, Any]:
        """The scores of the last validation."""
        return {"scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.scores = state["scores"]

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Channels (b, c, n, n, n), conditions (b, k), targets and weights (b, 1, n, n, n) of random rotated cubes."""
        cubes = []
        for example, cube_of in self.examples.draw(random, self.config.batch, self.config.cube):
            b_factors = random.random() >= self.config.hide_b_factors
            sharpness = example.sharpness if random.random() >= self.config.hide_sharpness else None
            condition = Condition(example.resolution, b_factors, sharpness)
            channels = with_condition(cube_of(example.density), condition)
            wanted, counted = cube_of(example.target)[None], cube_of(example.weight)[None]
            cubes.append([channels, simulator_conditions(condition), wanted, counted])
        seen, conditions, target, weight = (torch.from_numpy(np.stack(part)) for part in zip(*cubes, strict=True))
        weight = weight * (1 - self.config.background) + self.config.background * (weight >= 0)
        return seen.to(memory_format=torch.channels_last_3d), conditions, target, weight.clamp_min(0)


def correlation_loss(made: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of 1 − Pearson over the cubes, each weighted by voxel."""
    total = weight.sum(dim=(1, 2, 3, 4), keepdim=True).clamp_min(1)

    def centred(x: Tensor) -> Tensor:
        return x - (x * weight).sum(dim=(1, 2, 3, 4), keepdim=True) / total

    a, b = centred(made), centred(target)
    products = [(x * weight).sum(dim=(1, 2, 3, 4)) for x in (a * b, a * a, b * b)]
    return (1 - products[0] / (products[1] * products[2]).clamp_min(1e-6).sqrt()).mean()


def _whole(generator: nn.Module, example: SimulatorExample, condition: Condition, device: torch.device) -> np.ndarray:
    """The generator's map of a whole example, (nz, ny, nx), in float32."""
    network = Conditioned(generator, torch.from_numpy(simulator_conditions(condition)))
    channels, compute = with_condition(example.density, condition), Compute(str(device), "fp32")
    if example.target.size > _WHOLE:
        return apply_network(network, channels, compute=compute)[0]
    return apply_in_one_piece(network, channels, compute)[0]
