"""Train a learned simulator on curated pairs: SmoothL1 near atoms, a correlation term, and an adversary.

struc2mapGAN's recipe (SmoothL1 + alpha × adversarial loss) with its known weakness removed: inputs come from the same
function in training and in use. Targets blurred to coarser resolutions teach the network what its resolution means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn import functional

from cryotools.core.checkpoint import save_network
from cryotools.core.distance import distance_to_points
from cryotools.metrics.correlation import pearson
from cryotools.simulate.gaussians import sigma_of_resolution
from cryotools.simulate.inputs import (
    DENSITY_CHANNELS,
    NEAR,
    Condition,
    condition_vector,
    density_channels,
    with_condition,
)
from cryotools.simulate.network import GENERATOR, Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from cryotools.training.cubes import cut, rotate, start_around
from cryotools.training.pairs import Pair

_LOSS_REACH = 4.0  # Å from an atom: where the loss counts fully
_COARSER = (0.0, 0.8, 2.0)  # Å added to a pair's resolution by blurring its map
_COARSER_SHARE = (0.6, 0.25, 0.15)
_COARSEST = 8.0


@dataclass(frozen=True)
class GanConfig:
    """`adversarial` is the weight of the adversary (0 trains without one), `correlation` that of 1 − Pearson per cube;
    `background` weights voxels beyond 4 Å of atoms; B factors are hidden with probability `hide_b_factors`.
    """

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    cube: int = 32
    batch: int = 8
    adversarial: float = 0.0
    correlation: float = 0.2
    background: float = 0.05
    hide_b_factors: float = 0.3
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class _Example:
    """A pair at one resolution, ready to be cut: `density` float16 (DENSITY_CHANNELS, …), `target` and `weight`."""

    id: str
    resolution: float
    density: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    near: np.ndarray
    index: np.ndarray


class GanTask:
    """Generator and discriminator on curated pairs, as `training.loop` trains them."""

    def __init__(self, pairs: Sequence[Pair], held_out: Sequence[Pair], config: GanConfig) -> None:
        self.config = config
        generator = Generator(config.generator).to(memory_format=torch.channels_last_3d)
        self.networks: dict[str, nn.Module] = {"generator": generator}
        if config.adversarial:
            self.networks["discriminator"] = Discriminator(config.discriminator)
        betas = (0.5, 0.99) if config.adversarial else (0.9, 0.999)
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay, betas=betas)
            for name, network in self.networks.items()
        }
        self.examples = [
            [_example(pair, more) for more in _COARSER if more == 0 or pair.resolution + more <= _COARSEST]
            for pair in pairs
        ]
        self.held_out = [_example(pair, 0.0) for pair in held_out]
        sizes = np.array([len(versions[0].index) for versions in self.examples], dtype=float)
        self.share = np.sqrt(sizes) / np.sqrt(sizes).sum()  # large maps count more, but not by their whole volume

    def step(self, random: np.random.Generator, step: int) -> dict[str, float]:
        """One update of the generator, and of the discriminator where there is one."""
        channels, conditions, target, weight = self._batch(random)
        generator = self.networks["generator"]
        generator.train()
        made = generator(channels, conditions)
        fidelity = (functional.smooth_l1_loss(made, target, beta=0.3, reduction="none") * weight).sum() / weight.sum()
        likeness = _correlation_loss(made, target, weight)
        loss = fidelity + self.config.correlation * likeness
        losses = {"smooth_l1": float(fidelity.detach()), "one_minus_pearson": float(likeness.detach())}
        if "discriminator" in self.networks:
            losses |= self._update_discriminator(made.detach(), target, channels)
            fooled = functional.softplus(-self.networks["discriminator"](made, channels)).mean()
            loss = loss + self.config.adversarial * fooled
            losses["adversarial"] = float(fooled.detach())
        self.optimizers["generator"].zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
        self.optimizers["generator"].step()
        return losses

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Mean Pearson correlation within 3 Å of atoms over the held-out maps, with and without B factors."""
        scores: dict[str, list[float]] = {"pearson": [], "pearson_no_b": []}
        for example in self.held_out:
            for name, b_factors in (("pearson", True), ("pearson_no_b", False)):
                made = _whole(averaged["generator"], example, Condition(example.resolution, b_factors))
                scores[name].append(pearson(made[example.near], example.target[example.near].astype(np.float32)))
        return {f"held_out_{name}": float(np.mean(values)) for name, values in scores.items()}

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged generator."""
        save_network(folder / "model.safetensors", averaged["generator"], GENERATOR, self.config.generator)

    def _update_discriminator(self, made: Tensor, target: Tensor, channels: Tensor) -> dict[str, float]:
        discriminator = self.networks["discriminator"]
        real, false = discriminator(target, channels), discriminator(made, channels)
        loss = (functional.softplus(-real) + functional.softplus(false)).mean()
        accuracy = float(((real > 0).float().mean() + (false < 0).float().mean()) / 2)
        self.optimizers["discriminator"].zero_grad()
        loss.backward()
        if accuracy < 0.8:  # as the cryo-GAN authors hold theirs back
            self.optimizers["discriminator"].step()
        return {"discriminator": float(loss.detach()), "accuracy": accuracy}

    def _batch(self, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Channels (b, c, n, n, n), conditions (b, k), targets and weights (b, 1, n, n, n) of random turned cubes."""
        size, cubes = self.config.cube, []
        for number in random.choice(len(self.examples), self.config.batch, p=self.share):
            versions = self.examples[number]
            share = np.array(_COARSER_SHARE[: len(versions)])
            example = versions[random.choice(len(versions), p=share / share.sum())]
            start = start_around(random, example.index, size)
            hidden = random.random() < self.config.hide_b_factors
            condition = Condition(example.resolution, not hidden)
            channels = with_condition(cut(example.density, start, size), condition)
            turn = int(random.integers(24))
            parts = (channels, cut(example.target, start, size)[None], cut(example.weight, start, size)[None])
            turned = [np.ascontiguousarray(rotate(part, turn), dtype=np.float32) for part in parts]
            cubes.append([turned[0], condition_vector(condition), *turned[1:]])
        channels, conditions, target, weight = (torch.from_numpy(np.stack(part)) for part in zip(*cubes, strict=True))
        weight = weight * (1 - self.config.background) + self.config.background * (weight >= 0)
        return channels.to(memory_format=torch.channels_last_3d), conditions, target, weight.clamp_min(0)


def _example(pair: Pair, coarser: float) -> _Example:
    """`pair` as it is, or blurred to a resolution `coarser` Å worse."""
    resolution = pair.resolution + coarser
    target = pair.target.data
    if coarser:
        sigma = np.sqrt(sigma_of_resolution(resolution) ** 2 - sigma_of_resolution(pair.resolution) ** 2)
        target = gaussian_filter(target, sigma, mode="nearest")
    distance = distance_to_points(pair.target.grid, pair.structure.xyz)
    near = distance <= NEAR
    target = target / np.percentile(target[near], 99)
    counted = np.where(pair.weight > 0, (distance <= _LOSS_REACH).astype(np.float32), np.float32(-1))
    return _Example(
        id=pair.id,
        resolution=resolution,
        density=density_channels(pair.structure, pair.target.grid, resolution).astype(np.float16),
        target=target.astype(np.float16),
        weight=counted.astype(np.float16),
        near=near,
        index=np.argwhere(near),
    )


def _correlation_loss(made: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of 1 − Pearson over the cubes, each weighted by voxel."""
    total = weight.sum(dim=(1, 2, 3, 4), keepdim=True).clamp_min(1)

    def centred(x: Tensor) -> Tensor:
        return x - (x * weight).sum(dim=(1, 2, 3, 4), keepdim=True) / total

    a, b = centred(made), centred(target)
    products = [(x * weight).sum(dim=(1, 2, 3, 4)) for x in (a * b, a * a, b * b)]
    return (1 - products[0] / (products[1] * products[2]).clamp_min(1e-6).sqrt()).mean()


@torch.inference_mode()
def _whole(generator: nn.Module, example: _Example, condition: Condition) -> np.ndarray:
    """The generator's map of a whole example, (nz, ny, nx)."""
    shape = example.target.shape
    multiple = generator.multiple
    padded = [-(-n // multiple) * multiple for n in shape]
    density = np.zeros((DENSITY_CHANNELS, *padded), dtype=np.float32)
    density[(slice(None), *(slice(n) for n in shape))] = example.density
    channels = torch.from_numpy(with_condition(density, condition))[None].to(memory_format=torch.channels_last_3d)
    conditions = torch.from_numpy(condition_vector(condition))[None]
    return generator(channels, conditions)[0, 0].numpy()[tuple(slice(n) for n in shape)]
