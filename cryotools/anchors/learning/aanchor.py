"""Train the published network (`anchors.aanchor`) with `training.loop`, on the examples of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import nn
from torch.nn import functional

from cryotools.anchors.aanchor import AANCHOR, AANCHOR_CUBE, AANCHOR_RADIUS, AAnchor, AAnchorConfig
from cryotools.anchors.labels import UNKNOWN
from cryotools.anchors.learning.domains import Domains, draw_usable
from cryotools.anchors.learning.examples import ResidueExample, held_out_example
from cryotools.anchors.learning.types import type_accuracy
from cryotools.anchors.network import NONE
from cryotools.core.compute.checkpoint import save_network
from cryotools.core.maps.rotations import cut, rotate
from cryotools.training import distributed
from cryotools.training.augment import CubeNoise
from cryotools.training.calibration import fit_temperature
from cryotools.training.pairs import Pair
from cryotools.training.seeds import random_for
from cryotools.training.step import on_device, update
from cryotools.training.task import Batch

IGNORED = -1  # the class of a cube at a residue of unknown type
_AT_RESIDUES, _BESIDE = 0.5, 0.4  # fractions of a map's cubes; the rest is anywhere
_FAR = 8.0  # Å from a centre of mass, up to which cubes are beside it
_AT_ONCE = 512


@dataclass(frozen=True)
class AAnchorTraining:
    """`maps` maps per step and `residues` cubes of each."""

    network: AAnchorConfig = field(default_factory=AAnchorConfig)
    maps: int = 6
    residues: int = 48
    weight_decay: float = 1e-2


class AAnchorTask:
    """The published network on examples of several domains."""

    def __init__(
        self,
        domains: Domains,
        held_out: Sequence[Pair],
        config: AAnchorTraining,
        device: str | torch.device = "cpu",
        start: AAnchor | None = None,
    ) -> None:
        self.config, self.device, self.domains = config, torch.device(device), domains
        network = on_device(start or AAnchor(config.network), self.device)
        self.networks: dict[str, nn.Module] = {"aanchor": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "aanchor": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
        }
        judged = [held_out_example(pair) for pair in held_out] if distributed.is_first() else []
        self.held_out = [one for one in judged if len(_known(one))]
        self.noise = CubeNoise()
        self.temperature = network.config.temperature
        self.scores: dict[str, float] = {}

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Cubes (b, 1, 11, 11, 11) and their classes (b,), IGNORED if unknown."""
        parts: list[tuple[np.ndarray, ...]] = []
        for _ in range(self.config.maps):
            _, _, places = draw_usable(self.domains, random, self._places)
            parts.append(places)
        return tuple(torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True))

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        seen, classes = batch
        network = self.networks["aanchor"].train()
        logits = network(seen.to(memory_format=torch.channels_last_3d))[:, :, 0, 0, 0].float()
        total = functional.cross_entropy(logits, classes, ignore_index=IGNORED, reduction="sum")
        loss = total / (classes != IGNORED).sum().clamp(min=1)
        update(network, self.optimizers["aanchor"], loss)
        residue = (classes != NONE) & (classes != IGNORED)
        right = ((logits.argmax(dim=1) == classes) & residue).sum() / residue.sum().clamp(min=1)
        return {"cross_entropy": float(loss.detach()), "accuracy": float(right)}

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Top-1 and top-3 accuracy and the cross-entropy (nats) of types at true centres of mass; means over the
        held-out maps, at the temperature fitted to cubes there and elsewhere.
        """
        if not self.held_out:
            return self.scores
        network = averaged["aanchor"].eval()
        drawn = [self._judged(one) for one in self.held_out]
        pairs = zip(self.held_out, drawn, strict=True)
        logits = [voxel_logits(network, one, voxels, self.device) for one, (voxels, _) in pairs]
        classes = [truth for _, truth in drawn]
        group = np.repeat(np.arange(len(classes)), [len(one) for one in classes])
        self.temperature = fit_temperature(np.concatenate(logits), np.concatenate(classes), group)
        each = []
        for found, truth in zip(logits, classes, strict=True):
            residue = truth != NONE
            each.append(type_accuracy(found[residue, :NONE] / self.temperature, truth[residue]))
        self.scores = {f"held_out_{name}": float(np.mean([one[name] for one in each])) for name in each[0]}
        return self.scores

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged network, with its held-out scores."""
        about = {name: f"{value:.4f}" for name, value in self.scores.items()}
        network = cast(AAnchor, averaged["aanchor"])
        config = replace(network.config, temperature=self.temperature)
        save_network(folder / "model.safetensors", network, AANCHOR, config, about=about)

    def state(self) -> dict[str, Any]:
        """The temperature and the scores of the last validation."""
        return {"temperature": self.temperature, "scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.temperature, self.scores = state["temperature"], state["scores"]

    def _places(self, example: ResidueExample, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
        """Rotated and disturbed cubes of a map and their classes; None if it has no residue of known type."""
        voxels = draw_voxels(example, random, self.config.residues)
        if voxels is None:
            return None
        cubes = []
        for voxel in voxels:
            cube = rotate(_cube(example.density, voxel), int(random.integers(24)))
            cubes.append(self.noise.disturbed(np.ascontiguousarray(cube, dtype=np.float32), random)[None])
        return np.stack(cubes), voxel_classes(example, voxels)

    def _judged(self, example: ResidueExample) -> tuple[np.ndarray, np.ndarray]:
        """The voxels nearest to the centres of mass of a held-out map's residues, and as many others; their classes."""
        at = _known(example)
        voxels = np.rint(example.mass[at]).astype(np.int64)
        other = draw_voxels(example, random_for(0, example.source), max(len(at), 1))
        voxels = voxels if other is None else np.concatenate([voxels, other])
        classes = voxel_classes(example, voxels)
        return voxels[classes != IGNORED], classes[classes != IGNORED]


def voxel_classes(example: ResidueExample, voxels: np.ndarray) -> np.ndarray:
    """The class, int64 (n,), of cubes around voxels (n, 3), x, y, z: the amino acid whose centre of mass is nearest and
    within 1.5 Å, IGNORED if its type is unknown, and NONE without one.
    """
    distance, nearest = cKDTree(example.mass).query(voxels)
    amino = np.append(example.amino, UNKNOWN).astype(np.int64)[nearest]  # without any residue, the nearest is past them
    return np.where(distance > AANCHOR_RADIUS, NONE, np.where(amino == UNKNOWN, IGNORED, amino))


def draw_voxels(example: ResidueExample, random: np.random.Generator, count: int) -> np.ndarray | None:
    """Voxels int64 (count, 3), x, y, z: half within about 1.5 Å of the centres of mass of random residues, most others
    up to 8 Å from them, some anywhere; None if the map has no residue of known type.
    """
    usable = _known(example)
    if not len(usable):
        return None
    here, beside = round(count * _AT_RESIDUES), round(count * _BESIDE)
    size = np.array(example.density.shape[::-1])
    away = np.concatenate(
        [AANCHOR_RADIUS * random.random(here) ** (1 / 3), random.uniform(AANCHOR_RADIUS, _FAR, beside)]
    )
    direction = random.normal(size=(here + beside, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    around = example.mass[usable[random.integers(len(usable), size=here + beside)]] + away[:, None] * direction
    anywhere = random.integers(0, size, (count - here - beside, 3))
    return np.clip(np.rint(np.concatenate([around, anywhere])), 0, size - 1).astype(np.int64)


@torch.no_grad()
def voxel_logits(
    network: nn.Module, example: ResidueExample, voxels: np.ndarray, device: torch.device | str = "cpu"
) -> np.ndarray:
    """Logits (n, 21) of the cubes around voxels (n, 3), x, y, z, of a map."""
    found = [np.zeros((0, NONE + 1), dtype=np.float32)]
    for begin in range(0, len(voxels), _AT_ONCE):
        cubes = np.stack([_cube(example.density, voxel) for voxel in voxels[begin : begin + _AT_ONCE]])
        seen = torch.from_numpy(cubes.astype(np.float32))[:, None].to(device)
        found.append(network(seen)[:, :, 0, 0, 0].float().cpu().numpy())
    return np.concatenate(found)


def _cube(density: np.ndarray, voxel: np.ndarray) -> np.ndarray:
    return cut(density, voxel[::-1] - AANCHOR_CUBE // 2, AANCHOR_CUBE)


def _known(example: ResidueExample) -> np.ndarray:
    """The residues (k,) of known type whose centre of mass lies in the map, where density counts."""
    voxel = np.rint(example.mass).astype(int)
    inside = np.all((voxel >= 0) & (voxel < np.array(example.density.shape[::-1])), axis=1)
    at = np.flatnonzero(inside & (example.amino != UNKNOWN))
    return at[example.counts[tuple(voxel[at].T[::-1])] > 0]
