"""Train the network of amino acids with `training.loop`, on cubes in residues' frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn
from torch.nn import functional

from cryotools.anchors.frames import backwards, cubes, frames
from cryotools.anchors.labels import UNKNOWN
from cryotools.anchors.learning.domains import Domains, draw_usable
from cryotools.anchors.learning.examples import ResidueExample, held_out_example
from cryotools.anchors.network import NONE, RESIDUE_TYPE, ResidueType, ResidueTypeConfig
from cryotools.anchors.types import types_in_frames
from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.runner import Compute
from cryotools.nn.conditions import resolution_conditions
from cryotools.training import distributed
from cryotools.training.augment import CubeNoise
from cryotools.training.calibration import fit_temperature
from cryotools.training.pairs import Pair
from cryotools.training.step import on_device, update
from cryotools.training.task import Batch

_ERROR = 0.08  # relative error of reported resolutions
_WRONG = 0.25  # fraction of a map's cubes in wrong frames: half of them backwards, the rest shifted or anywhere
_OFF_CHAIN = 2.5  # Å from any Cα, where a frame is of no residue


class Adaptation(Protocol):
    """A loss that brings the features of domains together; see `anchors.learning.adapt`."""

    def __call__(self, features: Tensor, domain: Tensor, types: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class TypeTraining:
    """`maps` maps per step and `residues` cubes of each; Cα atoms are moved by up to `jitter` Å (standard deviation per
    axis), as those that the trace network finds are; the resolution is withheld for a fraction `untold`.
    """

    network: ResidueTypeConfig = field(default_factory=ResidueTypeConfig)
    maps: int = 6
    residues: int = 24
    jitter: float = 0.45
    untold: float = 0.3
    weight_decay: float = 2e-2


class TypeTask:
    """The type network on examples of several domains, with an `adaptation` of its features if given."""

    def __init__(
        self,
        domains: Domains,
        held_out: Sequence[Pair],
        config: TypeTraining,
        device: str | torch.device = "cpu",
        start: ResidueType | None = None,
        adaptation: Adaptation | None = None,
    ) -> None:
        self.config, self.device, self.domains, self.adaptation = config, torch.device(device), domains, adaptation
        network = on_device(start or ResidueType(config.network), self.device)
        self.networks: dict[str, nn.Module] = {"type": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "type": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
        }
        self.held_out = [held_out_example(pair) for pair in held_out] if distributed.is_first() else []
        self.noise = CubeNoise()
        self.temperature = network.config.temperature
        self.scores: dict[str, float] = {}

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Cubes (b, 1, 16, 16, 16), conditions (b, 2), types (b,) and the number of the domain (b,)."""
        parts: list[tuple[np.ndarray, ...]] = []
        for _ in range(self.config.maps):
            example, domain, (seen, types) = draw_usable(self.domains, random, self._drawn)
            told = random.random() >= self.config.untold
            condition = resolution_conditions(example.resolution * random.normal(1, _ERROR) if told else None)
            parts.append((seen, np.tile(condition, (len(seen), 1)), types, np.full(len(seen), domain)))
        return tuple(torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True))

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        seen, conditions, types, domain = batch
        network = cast(ResidueType, self.networks["type"].train())
        features = network.embed(seen.to(memory_format=torch.channels_last_3d), conditions)
        logits = network.classify(features).float()
        loss = functional.cross_entropy(logits, types)
        residue = types != NONE
        right = ((logits[:, :NONE].argmax(dim=1) == types) & residue).sum() / residue.sum().clamp(min=1)
        losses = {"cross_entropy": float(loss.detach()), "accuracy": float(right)}
        if self.adaptation is not None:
            adapted = self.adaptation(features.float(), domain, types)
            losses["adaptation"] = float(adapted.detach())
            loss = loss + adapted
        update(network, self.optimizers["type"], loss)
        return losses

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Top-1 and top-3 accuracy and the cross-entropy (nats) at true Cα atoms, and the fraction of frames that are
        told from backward ones; means over the held-out maps, at the temperature fitted to them.
        """
        if not self.held_out:
            return self.scores
        network = cast(ResidueType, averaged["type"])
        found = [type_logits(network, one, Compute(str(self.device))) for one in self.held_out]
        logits, types = ([part[at] for part in found] for at in (0, 2))
        group = np.repeat(np.arange(len(found)), [len(one) for one in types])
        self.temperature = fit_temperature(np.concatenate(logits)[:, :NONE], np.concatenate(types).astype(int), group)
        each = [_scores(*one, self.temperature) for one in found]
        means = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
        self.scores = {f"held_out_{name}": value for name, value in means.items()}
        return self.scores

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged network, with its held-out scores."""
        about = {name: f"{value:.4f}" for name, value in self.scores.items()}
        network = cast(ResidueType, averaged["type"])
        config = replace(network.config, temperature=self.temperature)
        save_network(folder / "model.safetensors", network, RESIDUE_TYPE, config, about=about)

    def state(self) -> dict[str, Any]:
        """The temperature and the scores of the last validation."""
        return {"temperature": self.temperature, "scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.temperature, self.scores = state["temperature"], state["scores"]

    def _drawn(self, example: ResidueExample, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
        return draw_cubes(example, random, self.config, self.noise)


def draw_cubes(
    example: ResidueExample, random: np.random.Generator, config: TypeTraining, noise: CubeNoise
) -> tuple[np.ndarray, np.ndarray] | None:
    """Cubes (b, 1, 16, 16, 16) of random residues of a map, some in wrong frames, and their types int64 (b,); None if
    no residue of known type has both neighbours.
    """
    usable = framed(example)
    if not len(usable):
        return None
    count = config.residues
    wrong = round(count * _WRONG)
    chosen = usable[random.integers(len(usable), size=count)]
    places = [example.ca[which] for which in (example.before[chosen], chosen, example.after[chosen])]
    jitter = random.uniform(0.05, config.jitter, (count, 1))
    before, here, after = (place + random.normal(0, 1, place.shape) * jitter for place in places)
    axes, types = frames(before, here, after), example.amino[chosen].astype(np.int64)
    types[:wrong] = NONE
    half, shifted = wrong // 2, wrong - wrong // 4
    axes[:half] = backwards(axes[:half])
    here[half:shifted] = (here + after)[half:shifted] / 2
    anywhere = _off_chain(example, random, wrong - shifted)
    here[shifted : shifted + len(anywhere)] = anywhere
    axes[shifted:wrong] = Rotation.random(wrong - shifted, random_state=random.integers(2**31)).as_matrix()
    density = _disturbed(example.density.astype(np.float32), random, noise)
    return cubes(density, here, axes), types


def framed(example: ResidueExample) -> np.ndarray:
    """The residues (k,) of known type in the map that have both neighbours and lie where density counts."""
    at = example.inside
    at = at[(example.before[at] >= 0) & (example.after[at] >= 0) & (example.amino[at] != UNKNOWN)]
    return at[example.counts[tuple(np.rint(example.ca[at]).astype(int).T[::-1])] > 0]


def type_logits(
    network: ResidueType, example: ResidueExample, compute: Compute | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits (n, 21) in forward and in backward frames at a map's true Cα atoms, and the types uint8 (n,)."""
    at = framed(example)
    here = example.ca[at]
    axes = frames(example.ca[example.before[at]], here, example.ca[example.after[at]])
    forward, backward = (
        types_in_frames(network, example.density.astype(np.float32), here, turned, example.resolution, compute)
        for turned in (axes, backwards(axes))
    )
    return forward, backward, example.amino[at]


def type_accuracy(logits: np.ndarray, types: np.ndarray) -> dict[str, float]:
    """Top-1 and top-3 accuracy and the cross-entropy in nats of logits (n, 20) for the types int (n,)."""
    found, truth = torch.from_numpy(logits), torch.from_numpy(types.astype(np.int64))
    order = found.argsort(dim=1, descending=True)
    return {
        "top1": float((order[:, 0] == truth).float().mean()),
        "top3": float((order[:, :3] == truth[:, None]).any(dim=1).float().mean()),
        "nats": float(functional.cross_entropy(found, truth)),
    }


def _scores(forward: np.ndarray, backward: np.ndarray, types: np.ndarray, temperature: float) -> dict[str, float]:
    none = [torch.log_softmax(torch.from_numpy(way), dim=1)[:, NONE] for way in (forward, backward)]
    told = {"forward": float((none[0] < none[1]).float().mean())}
    return type_accuracy(forward[:, :NONE] / temperature, types) | told


def _off_chain(example: ResidueExample, random: np.random.Generator, count: int) -> np.ndarray:
    """Up to `count` random positions in dense voxels far from any Cα (k, 3)."""
    at = np.argwhere(example.density > np.float16(0.4))
    if not len(at) or not count:
        return np.zeros((0, 3))
    at = at[random.integers(len(at), size=8 * count)][:, ::-1].astype(np.float32)
    apart = np.linalg.norm(at[:, None] - example.ca[None], axis=2).min(axis=1)
    return at[apart > _OFF_CHAIN][:count]


def _disturbed(density: np.ndarray, random: np.random.Generator, noise: CubeNoise) -> np.ndarray:
    """A map with other levels and sometimes more noise; only cubes are disturbed by `noise`, so a large map is not."""
    if len(set(density.shape)) == 1 and density.shape[0] <= 96:
        return noise.disturbed(density, random)
    return density * np.float32(np.exp(random.uniform(-0.2, 0.2)))
