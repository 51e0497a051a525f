"""Train the network of amino acids with `training.loop`, on cubes in residues' frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cryotools.anchors.frames import backwards, frames
from cryotools.anchors.learning.adapt import Adaptation
from cryotools.anchors.learning.domains import DOMAINS, SIM, Domains, draw_usable
from cryotools.anchors.learning.draws import DrawnCubes, draw_cubes, framed
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
from cryotools.training.step import on_device, update_together
from cryotools.training.task import Batch

_ERROR = 0.08  # relative error of reported resolutions


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
        judged = [held_out_example(pair) for pair in held_out] if distributed.is_first() else []
        self.held_out = [one for one in judged if len(framed(one))]
        self.averaging: dict[str, float | None] = {}
        if adaptation is not None and adaptation.network is not None:
            adversary = on_device(adaptation.network, self.device)
            self.networks["domain"], self.averaging["domain"] = adversary, None
            self.optimizers["domain"] = torch.optim.AdamW(adversary.parameters(), weight_decay=config.weight_decay)
        self.noise = CubeNoise()
        self.temperature = network.config.temperature
        self.scores: dict[str, float] = {}

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Cubes (b, 1, 16, 16, 16), conditions (b, 2), types (b,) and the number of the domain (b,); for an adaptation
        also `twin` (b,), the row of the same residue in the other domain, -1 if there is none.
        """
        parts: list[tuple[np.ndarray, ...]] = []
        for _ in range(self.config.maps):
            example, domain, drawn = draw_usable(self.domains, random, self._drawn)
            told = random.random() >= self.config.untold
            condition = resolution_conditions(example.resolution * random.normal(1, _ERROR) if told else None)
            parts += _rows(drawn, condition, domain, sum(len(part[0]) for part in parts))
        joined = tuple(torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True))
        return joined if self.adaptation is not None else joined[:-1]

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        seen, conditions, types, domain, *twin = batch
        network = cast(ResidueType, self.networks["type"].train())
        features = network.embed(seen.to(memory_format=torch.channels_last_3d), conditions)
        logits = network.classify(features).float()
        loss = functional.cross_entropy(logits, types)
        residue = types != NONE
        right = ((logits[:, :NONE].argmax(dim=1) == types) & residue).sum() / residue.sum().clamp(min=1)
        losses = {"cross_entropy": float(loss.detach()), "accuracy": float(right)}
        if self.adaptation is not None:
            adapted = self.adaptation(features.float(), domain, twin[0], step)
            losses["adaptation"] = float(adapted.detach())
            loss = loss + adapted
        update_together([(self.networks[name], optimizer) for name, optimizer in self.optimizers.items()], loss)
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

    def _drawn(self, example: ResidueExample, random: np.random.Generator) -> DrawnCubes | None:
        twins = self.adaptation is not None
        return draw_cubes(example, random, self.config.residues, self.config.jitter, self.noise, twins=twins)


def _rows(drawn: DrawnCubes, condition: np.ndarray, domain: int, first: int) -> list[tuple[np.ndarray, ...]]:
    """The rows of a batch from row number `first`: those of a map, and those of its twin, which are of the domain sim,
    if there is one.
    """
    seen, types, twins = drawn.seen, drawn.types, drawn.twins
    count = len(seen)
    twin = np.full(count, -1, dtype=np.int64)
    rows: list[tuple[np.ndarray, ...]] = [(seen, np.tile(condition, (count, 1)), types, np.full(count, domain), twin)]
    if twins is not None:
        residue = types != NONE
        twin[residue] = first + count + np.arange(len(twins))
        own, where = np.full(len(twins), DOMAINS.index(SIM)), first + np.flatnonzero(residue)
        rows.append((twins, np.tile(condition, (len(twins), 1)), types[residue], own, where))
    return rows


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
