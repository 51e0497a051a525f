"""Train the network of binding sites on simulated boxes, with `training.loop`.

The loss is a binary cross-entropy per voxel and kind of site. Voxels on the protein whose label is known have full
weight and sites are not reweighted, so that the network's probabilities are near calibration; elsewhere, where there
are no sites, the weight is low.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.inference import apply_in_one_piece
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import UsageError
from cryotools.core.maps.rotations import cut, rotate, start_around
from cryotools.metrics.detection import precision_recall
from cryotools.metrics.ranks import roc_area
from cryotools.nn.conditions import Conditioned, resolution_conditions
from cryotools.sites.labels import SITE_NAMES
from cryotools.sites.learning.calibrate import fit_logistic
from cryotools.sites.learning.examples import CLASS_UNIT, SiteExample
from cryotools.sites.network import BINDING_SITES, BindingSites, BindingSitesConfig
from cryotools.training import distributed
from cryotools.training.augment import CubeNoise
from cryotools.training.step import on_device, update
from cryotools.training.task import Batch

_ERROR = 0.08  # relative error of reported resolutions
_EVERY = 11  # one voxel in this many of a held-out box is judged: neighbours tell the same
_BITS = np.array([1 << site for site in range(len(SITE_NAMES))], dtype=np.uint8)[:, None, None, None]


@dataclass(frozen=True)
class SiteTraining:
    """`batch` cubes of `cube` voxels per step; the resolution is withheld for a fraction `untold`; voxels off the
    protein have weight `elsewhere`.
    """

    network: BindingSitesConfig = field(default_factory=BindingSitesConfig)
    cube: int = 40
    batch: int = 6
    untold: float = 0.3
    elsewhere: float = 0.03
    weight_decay: float = 1e-2


class SiteTask:
    """The network on the examples it learns from, judged and calibrated on those `held_out`."""

    def __init__(
        self,
        examples: Sequence[SiteExample],
        held_out: Sequence[SiteExample],
        config: SiteTraining,
        device: str | torch.device = "cpu",
        start: BindingSites | None = None,
    ) -> None:
        if not len(examples):
            raise UsageError("nothing to train on; give structures to simulate")
        self.config, self.device = config, torch.device(device)
        network = on_device(start or BindingSites(config.network), self.device)
        self.networks: dict[str, nn.Module] = {"sites": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "sites": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
        }
        self.examples = examples
        self.held_out: Sequence[SiteExample] = held_out if distributed.is_first() else []
        self.noise = CubeNoise()
        self.scale, self.offset = network.config.scale, network.config.offset
        self.scores: dict[str, float] = {}

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        network = self.networks["sites"].train()
        loss = _loss(network, batch)
        update(network, self.optimizers["sites"], loss)
        return {"cross_entropy": float(loss.detach())}

    def judge(self, network: nn.Module, batch: Batch) -> float:
        """The loss of a network on a batch, without an update."""
        with torch.inference_mode():
            return float(_loss(network, batch))

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Average precision and area below the ROC curve over voxels on the protein of the held-out boxes, for each
        kind of site and as means, and the kind's share of these voxels; the calibration is fitted to them.
        """
        found = list(self._judged(averaged["sites"]))
        if not found:
            return self.scores
        means: dict[str, list[float]] = {"ap": [], "auc": []}
        self.scores = {}
        scale, offset = list(self.scale), list(self.offset)
        for site, name in enumerate(SITE_NAMES):
            logits, truth = (np.concatenate([part[site] for part in parts]) for parts in zip(*found, strict=True))
            if not 0 < truth.sum() < len(truth):
                continue
            scale[site], offset[site] = fit_logistic(logits, truth)
            found_ap = precision_recall(logits, truth, int(truth.sum())).average_precision()
            values = {"ap": found_ap, "auc": roc_area(logits, truth)}
            for measure, value in values.items():
                self.scores[f"held_out_{measure}_{name}"] = value
                means[measure].append(value)
            self.scores[f"held_out_share_{name}"] = float(truth.mean())
        self.scale, self.offset = tuple(scale), tuple(offset)
        self.scores |= {f"held_out_{measure}": float(np.mean(values)) for measure, values in means.items() if values}
        return self.scores

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged network; its held-out scores are stored with the weights. What was fitted to whole
        proteins belonged to the network that it began with, and is left out.
        """
        about = {name: f"{value:.4f}" for name, value in self.scores.items()}
        network = cast(BindingSites, averaged["sites"])
        config = replace(network.config, scale=self.scale, offset=self.offset)
        config = replace(config, whole_scale=(), whole_offset=(), whole_exposure=(), combination=())
        save_network(folder / "model.safetensors", network, BINDING_SITES, config, about=about)

    def state(self) -> dict[str, Any]:
        """The calibration and the scores of the last validation."""
        return {"scale": list(self.scale), "offset": list(self.offset), "scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.scale, self.offset, self.scores = tuple(state["scale"]), tuple(state["offset"]), state["scores"]

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Channels (b, 5, n, n, n), conditions (b, 2), sites (b, 3, n, n, n) and the weight of each of them."""
        parts = []
        for _ in range(self.config.batch):
            example = self.examples[int(random.integers(len(self.examples)))]
            size = self.config.cube
            start, turn = start_around(random, example.centres, size), int(random.integers(24))
            density, classes, sites, known, on = (
                np.ascontiguousarray(rotate(cut(volume, start, size), turn))
                for volume in (example.density, example.classes, example.sites, example.known, example.on)
            )
            seen = self.noise.disturbed(density.astype(np.float32), random)
            channels = np.concatenate([seen[None], classes.astype(np.float32) / CLASS_UNIT])
            told = random.random() >= self.config.untold
            condition = resolution_conditions(example.resolution * random.normal(1, _ERROR) if told else None)
            weight = np.where(on, 1, self.config.elsewhere).astype(np.float32) * ((known & _BITS) > 0)
            parts.append((channels, condition, ((sites & _BITS) > 0).astype(np.float32), weight))
        return tuple(torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True))

    def _judged(self, network: nn.Module) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
        """For each held-out box, logits and truth of each kind of site at voxels on the protein where it is known."""
        for example in self.held_out:
            told = Conditioned(network, torch.from_numpy(resolution_conditions(example.resolution)))
            density, classes = (np.asarray(each, dtype=np.float32) for each in (example.density, example.classes))
            channels = np.concatenate([density[None], classes / CLASS_UNIT])
            logits = apply_in_one_piece(told, channels, Compute(str(self.device), "fp32"))
            known, sites = ((each & _BITS) > 0 for each in (example.known, example.sites))
            at = [np.flatnonzero(example.on & one)[::_EVERY] for one in known]
            values = [one.ravel()[some] for one, some in zip(logits, at, strict=True)]
            yield values, [one.ravel()[some] for one, some in zip(sites, at, strict=True)]


def _loss(network: nn.Module, batch: Batch) -> Tensor:
    channels, conditions, sites, weight = batch
    logits = network(channels.to(memory_format=torch.channels_last_3d), conditions)
    each = functional.binary_cross_entropy_with_logits(logits.float(), sites, reduction="none")
    return (each * weight).sum() / weight.sum().clamp(min=1)
