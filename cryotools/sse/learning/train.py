"""Train the network that predicts secondary structure on experimental and simulated maps, with `training.loop`.

The loss is a cross-entropy per voxel. Voxels at the backbone have full weight and classes are not reweighted, so that
the most probable class is the best guess and probabilities are calibrated; elsewhere, where most voxels lie and few are
hard, the weight is low.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn
from torch.nn import functional

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import UsageError
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.rotations import cut, rotate, start_around
from cryotools.core.structures.residues import backbone_sigma
from cryotools.nn.conditions import Conditioned, resolution_conditions
from cryotools.sse.learning.calibrate import BackboneLogits, backbone_logits, fit_backbone_temperature
from cryotools.sse.learning.examples import CHAIN, ELSEWHERE, ClassifierExample
from cryotools.sse.network import SECONDARY_STRUCTURE, SecondaryStructure, SecondaryStructureConfig
from cryotools.sse.score import ResidueScores, score_map
from cryotools.sse.truth.assign import ClassedResidues, assign
from cryotools.training import distributed
from cryotools.training.augment import CubeNoise, blobs
from cryotools.training.pairs import Pair
from cryotools.training.step import on_device, sqrt_shares, update
from cryotools.training.task import Batch

_DETERGENT = 0.3  # of the cubes get coarse density beside the chain that is not nucleic acid
_ERROR = 0.08  # relative error of reported resolutions
_SCORES = ("q3", "q3_baseline", "recall", "precision", "f1_helix", "f1_sheet", "f1_nucleotide", "ece")


@dataclass(frozen=True)
class ClassifierTraining:
    """`batch` cubes of `cube` voxels per step, a fraction `experimental` of them from experimental maps if there are
    simulated ones; the resolution is withheld for a fraction `untold`; voxels off the backbone have weight `elsewhere`.
    """

    network: SecondaryStructureConfig = field(default_factory=SecondaryStructureConfig)
    cube: int = 48
    batch: int = 6
    experimental: float = 0.5
    untold: float = 0.4
    elsewhere: float = 0.1
    weight_decay: float = 1e-2


class ClassifierTask:
    """The classifier on versions of experimental maps (one list per map) and on simulated maps."""

    def __init__(
        self,
        experimental: Sequence[Sequence[ClassifierExample]],
        simulated: Sequence[ClassifierExample],
        held_out: Sequence[Pair],
        config: ClassifierTraining,
        device: str | torch.device = "cpu",
        start: SecondaryStructure | None = None,
    ) -> None:
        if not (experimental or simulated):
            raise UsageError("nothing to train on; give experimental maps, structures to simulate, or both")
        self.config, self.device = config, torch.device(device)
        network = start or SecondaryStructure(config.network)
        network = on_device(network, self.device)
        self.networks: dict[str, nn.Module] = {"classifier": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "classifier": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
        }
        self.experimental, self.simulated = experimental, simulated
        self.share = sqrt_shares([len(versions[0].centres) for versions in experimental])
        self.held_out = [(pair, assign(pair.structure)) for pair in held_out] if distributed.is_first() else []
        self.density = [backbone_sigma(pair.target, pair.structure, residues) for pair, residues in self.held_out]
        self.noise = CubeNoise()
        self.temperature = network.config.temperature
        self.scores: dict[str, float] = {}

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        _, _, classes, counted = batch
        network = self.networks["classifier"].train()
        loss, logits = _loss(network, batch)
        update(network, self.optimizers["classifier"], loss)
        chain = counted == 1
        right = ((logits.argmax(dim=1) == classes) & chain).sum() / chain.sum().clamp(min=1)
        return {"cross_entropy": float(loss.detach()), "accuracy": float(right)}

    def judge(self, network: nn.Module, batch: Batch) -> float:
        """The cross-entropy of a network on a batch, without an update."""
        with torch.inference_mode():
            return float(_loss(network, batch)[0])

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Means of the residue scores over the held-out maps, at the temperature fitted to them; a map that lacks a
        class is left out of its score. Without held-out maps the temperature is unchanged.
        """
        if not self.held_out:
            return self.scores
        logits = [self._at_backbone(averaged["classifier"], pair, residues) for pair, residues in self.held_out]
        self.temperature = fit_backbone_temperature(logits)
        scores = [
            score_map(ResidueScores(residues, one.of_residues(len(residues), self.temperature), density))
            for one, (_, residues), density in zip(logits, self.held_out, self.density, strict=True)
        ]
        self.scores = {
            f"held_out_{name}": float(np.nanmean([getattr(one, name) for one in scores]))
            for name in _SCORES
            if any(np.isfinite(getattr(one, name)) for one in scores)
        }
        return self.scores

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged network; its held-out scores are stored with the weights."""
        about = {name: f"{value:.4f}" for name, value in self.scores.items()}
        network = cast(SecondaryStructure, averaged["classifier"])
        config = replace(network.config, temperature=self.temperature)
        save_network(folder / "model.safetensors", network, SECONDARY_STRUCTURE, config, about=about)

    def state(self) -> dict[str, Any]:
        """The temperature and the scores of the last validation."""
        return {"temperature": self.temperature, "scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.temperature, self.scores = state["temperature"], state["scores"]

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Cubes (b, 1, n, n, n), conditions (b, 2), classes (b, n, n, n) and the weight of each voxel."""
        weight_of = np.zeros(CHAIN + 1, dtype=np.float32)
        weight_of[ELSEWHERE], weight_of[CHAIN] = self.config.elsewhere, 1.0
        parts = []
        for number in range(self.config.batch):
            example = self._draw(random, number)
            size = self.config.cube
            start, turn = start_around(random, example.centres, size), int(random.integers(24))
            density, classes, counts = (
                np.ascontiguousarray(rotate(cut(volume, start, size), turn))
                for volume in (example.density, example.classes, example.counts)
            )
            density = density.astype(np.float32)
            if random.random() < _DETERGENT:
                density += blobs(distance_transform_edt(counts != CHAIN), random) * (density != 0)
            seen = self.noise.disturbed(density, random)
            told = random.random() >= self.config.untold
            condition = resolution_conditions(example.resolution * random.normal(1, _ERROR) if told else None)
            parts.append((seen[None], condition, classes.astype(np.int64), weight_of[counts]))
        return tuple(torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True))

    def _draw(self, random: np.random.Generator, number: int) -> ClassifierExample:
        """A version of an experimental map for the first cubes of a batch, a simulated map for the rest."""
        real = number < round(self.config.batch * self.config.experimental) if self.simulated else True
        if not (real and len(self.experimental)):
            return self.simulated[int(random.integers(len(self.simulated)))]
        versions = self.experimental[random.choice(len(self.experimental), p=self.share)]
        return versions[int(random.integers(len(versions)))]

    def _at_backbone(self, network: nn.Module, pair: Pair, residues: ClassedResidues) -> BackboneLogits:
        """Logits of a held-out map at its backbone; the network is given its resolution."""
        told = Conditioned(network, torch.from_numpy(resolution_conditions(pair.resolution)))
        density = prepare_map(pair.target, pair.resolution).volume.data
        logits = apply_network(told, density[None], compute=Compute(str(self.device), "fp32"))
        return backbone_logits(logits, pair.target, pair.structure, residues)


def _loss(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """The weighted cross-entropy of a batch, and the logits."""
    density, conditions, classes, counted = batch
    logits = network(density.to(memory_format=torch.channels_last_3d), conditions)
    each = functional.cross_entropy(logits.float(), classes, reduction="none")
    return (each * counted).sum() / counted.sum(), logits
