"""Train the trace network with `training.loop`: Cα atoms, chain path, secondary structure and nucleotides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.anchors.candidates import find_candidates, trace_map
from cryotools.anchors.labels import residue_truth
from cryotools.anchors.learning.domains import Domains, draw_example
from cryotools.anchors.learning.examples import ResidueExample
from cryotools.anchors.learning.points import nearest_in_cube, painted, rotated_points
from cryotools.anchors.network import C1, C4, CA, OFFSET, PATH, STATE, TRACE, P, Trace, TraceConfig
from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.rotations import cut, rotate, start_around
from cryotools.metrics.detection import match_points
from cryotools.nn.conditions import resolution_conditions
from cryotools.training import distributed
from cryotools.training.augment import CubeNoise
from cryotools.training.pairs import Pair
from cryotools.training.step import on_device, update
from cryotools.training.task import Batch

_ERROR = 0.08  # relative error of reported resolutions
_SIGMA = {CA: 1.0, PATH: 0.9, P: 1.0, C4: 1.0, C1: 1.0}  # Å
_OFFSET_WITHIN, _STATE_WITHIN = 1.8, 2.3  # Å from Cα
_BCE = 4.0  # weight of the points' cross-entropy, which is averaged over all voxels


@dataclass(frozen=True)
class TraceTraining:
    """`batch` cubes of `cube` voxels per step; the resolution is withheld for a fraction `untold`."""

    network: TraceConfig = field(default_factory=TraceConfig)
    cube: int = 48
    batch: int = 6
    untold: float = 0.3
    weight_decay: float = 1e-2


class TraceTask:
    """The trace network on examples of several domains."""

    def __init__(
        self,
        domains: Domains,
        held_out: Sequence[Pair],
        config: TraceTraining,
        device: str | torch.device = "cpu",
        start: Trace | None = None,
    ) -> None:
        self.config, self.device, self.domains = config, torch.device(device), domains
        network = on_device(start or Trace(config.network), self.device)
        self.networks: dict[str, nn.Module] = {"trace": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "trace": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
        }
        self.held_out = list(held_out) if distributed.is_first() else []
        self.noise = CubeNoise()
        self.scores: dict[str, float] = {}

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Cubes (b, 1, n, n, n), conditions (b, 2), targets of the points (b, 5, n, n, n), offset (b, 3, n, n, n),
        secondary structure (b, n, n, n), -1 where it does not count, and what counts (b, n, n, n).
        """
        parts = [self._cube(draw_example(self.domains, random)[0], random) for _ in range(self.config.batch)]
        return tuple(torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True))

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        network = self.networks["trace"].train()
        losses = _losses(network, batch)
        update(network, self.optimizers["trace"], cast(Tensor, sum(losses.values())))
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def judge(self, network: nn.Module, batch: Batch) -> float:
        """The loss of a network on a batch, without an update."""
        with torch.inference_mode():
            return float(cast(Tensor, sum(_losses(network, batch).values())))

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Recall, precision and RMSD of Cα atoms within 3 Å, means over the held-out maps."""
        found = [_score(cast(Trace, averaged["trace"]), pair, str(self.device)) for pair in self.held_out]
        if found:
            means = {name: float(np.nanmean([one[name] for one in found])) for name in found[0]}
            self.scores = {f"held_out_{name}": value for name, value in means.items()}
        return self.scores

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged network, with its held-out scores."""
        about = {name: f"{value:.4f}" for name, value in self.scores.items()}
        network = cast(Trace, averaged["trace"])
        save_network(folder / "model.safetensors", network, TRACE, replace(network.config), about=about)

    def state(self) -> dict[str, Any]:
        """The scores of the last validation."""
        return {"scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.scores = state["scores"]

    def _cube(self, example: ResidueExample, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        size = self.config.cube
        centres = example.ca[example.inside] if len(example.inside) else example.c4
        start, turn = start_around(random, centres[:, ::-1], size), int(random.integers(24))
        density, counts = (
            np.ascontiguousarray(rotate(cut(volume, start, size), turn)) for volume in (example.density, example.counts)
        )
        seen = self.noise.disturbed(density.astype(np.float32), random)

        def placed(points: np.ndarray) -> np.ndarray:
            return rotated_points(points - start[::-1], turn, size)

        points = np.stack([painted(placed(getattr(example, name)), size, _SIGMA[at]) for at, name in _POINTS.items()])
        offset, state = _at_residues(placed(example.ca), example.state, size)
        told = random.random() >= self.config.untold
        condition = resolution_conditions(example.resolution * random.normal(1, _ERROR) if told else None)
        return seen[None], condition, points, offset, state, counts.astype(np.float32)


_POINTS = {CA: "ca", PATH: "path", P: "p", C4: "c4", C1: "c1"}


def _at_residues(ca: np.ndarray, states: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The vector to the nearest Cα, float32 (3, n, n, n), NaN far from it, and its state, int64 (n, n, n), or -1."""
    offset = np.full((3, size**3), np.nan, dtype=np.float32)
    state = np.full(size**3, -1, dtype=np.int64)
    at, which, vector = nearest_in_cube(ca, size)
    distance = np.linalg.norm(vector, axis=1)
    close, near = distance <= _OFFSET_WITHIN, distance <= _STATE_WITHIN
    offset[:, at[close]] = vector[close].T
    state[at[near]] = states[which[near]]
    return offset.reshape(3, size, size, size), state.reshape(size, size, size)


def _losses(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    density, conditions, points, offset, state, counts = batch
    found = network(density.to(memory_format=torch.channels_last_3d), conditions).float()
    at = list(_POINTS)
    each = functional.binary_cross_entropy_with_logits(found[:, at], points, reduction="none")
    counted = counts[:, None]
    voxels = counted.sum().clamp(min=1)
    losses = {"points": _BCE * (each * counted).sum() / voxels}
    known = torch.isfinite(offset).all(dim=1) & (counts > 0)
    apart = functional.smooth_l1_loss(found[:, OFFSET].movedim(1, -1)[known], offset.movedim(1, -1)[known])
    losses["offset"] = apart if bool(known.any()) else found.sum() * 0
    states = torch.where(counts > 0, state, -1)
    if bool((states >= 0).any()):
        losses["state"] = 0.3 * functional.cross_entropy(found[:, STATE], states, ignore_index=-1)
    else:
        losses["state"] = found.sum() * 0
    return losses


def _score(network: Trace, pair: Pair, device: str) -> dict[str, float]:
    """Recall, precision and RMSD at 3 Å of a held-out map's Cα candidates."""
    prepared = prepare_map(pair.target, pair.resolution)
    channels = trace_map(network, prepared.volume.data, pair.resolution, Compute(device))
    found = find_candidates(channels, prepared.volume.data).index
    truth = residue_truth(pair.structure)
    xyz = prepared.volume.grid.index_to_world(found)
    modelled = pair.weight[tuple(np.rint(found).astype(int).T[::-1])] > 0 if len(found) else np.zeros(0, dtype=bool)
    matching = match_points(xyz[modelled], truth.ca, 3.0)
    return {
        "recall": len(matching) / max(len(truth), 1),
        "precision": len(matching) / max(int(modelled.sum()), 1),
        "rmsd": float(np.sqrt(np.mean(matching.distance**2))) if len(matching) else float("nan"),
    }
