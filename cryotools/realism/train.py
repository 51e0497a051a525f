"""Train the evaluation discriminator on real maps against maps that are not, in one common form.

It never meets the generator that it will judge, unless that is asked for (`against`, the harder mode).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import ArgumentError
from cryotools.core.maps.rotations import cut, rotate, start_around
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Volume
from cryotools.realism.fakes import classical, generated, noisy, random_density
from cryotools.realism.inputs import mask_map
from cryotools.realism.molecules import molecule_of
from cryotools.realism.network import EVALUATOR, Evaluator, EvaluatorConfig
from cryotools.simulate.learned.inputs import Condition
from cryotools.simulate.learned.predict import generate
from cryotools.training import distributed
from cryotools.training.pairs import Pair
from cryotools.training.seeds import random_for

REAL = "real"
_SHARPER = (0.0, 60.0, -40.0)  # Å² of B given to real maps, so that their sharpness is no sign


@dataclass(frozen=True)
class EvaluatorTraining:
    """`batch` cubes of `cube` voxels a step, half of them real; `generated_share` of the others are generated ones,
    where there is a generator.
    """

    evaluator: EvaluatorConfig = field(default_factory=EvaluatorConfig)
    cube: int = 32
    batch: int = 16
    generated_share: float = 0.4
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class _JudgedMap:
    """A map in the common form: `data` float16, `structured` bool, both (nz, ny, nx); `index` (n, 3) of the latter."""

    data: np.ndarray
    structured: np.ndarray
    index: np.ndarray


_Kinds = dict[str, list[_JudgedMap]]
_SHARES = {"molmap": 0.45, "noisy": 0.4, "random": 0.15}


class EvaluatorTask:
    """The evaluation discriminator on curated pairs, as `training.loop` trains it on `device`.

    `against` makes a generated map of a pair with or without its B factors; None leaves generated maps out.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        held_out: Sequence[Pair],
        config: EvaluatorTraining,
        against: Callable[[Pair, bool], np.ndarray] | None = None,
        device: str | torch.device = "cpu",
        seed: int = 0,
    ) -> None:
        self.config, self.device = config, torch.device(device)
        network = Evaluator(config.evaluator).to(self.device, memory_format=torch.channels_last_3d)
        self.networks: dict[str, nn.Module] = {"evaluator": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "evaluator": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
        }
        self.maps = [_kinds(pair, random_for(seed, pair.id), against) for pair in pairs]
        judged = held_out if distributed.is_first() else []
        self.held_out = [_kinds(pair, random_for(seed, pair.id), against) for pair in judged]
        sizes = np.array([len(kinds[REAL][0].index) for kinds in self.maps], dtype=float)
        self.share = np.sqrt(sizes) / np.sqrt(sizes).sum()
        self.molecules = sorted(filter(None, {molecule_of(pair.structure) for pair in held_out}))
        self.scores: dict[str, float] = {}

    def step(self, random: np.random.Generator, step: int) -> dict[str, float]:
        """One update."""
        density, real, counted = (part.to(self.device) for part in self._batch(random))
        network = self.networks["evaluator"]
        network.train()
        logits = network(density)
        wanted = real[:, None, None, None, None].expand_as(logits)
        loss = functional.binary_cross_entropy_with_logits(logits, wanted, counted, reduction="sum") / counted.sum()
        right = (((logits > 0) == (wanted > 0.5)) * counted).sum() / counted.sum()
        self.optimizers["evaluator"].zero_grad()
        loss.backward()
        distributed.average_gradients(network)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        self.optimizers["evaluator"].step()
        return {"cross_entropy": float(loss.detach()), "accuracy": float(right)}

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Accuracy on structured voxels of held-out maps, mean over maps: for the real ones, for each kind of fake,
        and balanced between real and molmap (`held_out_accuracy`).
        """
        right: dict[str, list[float]] = {}
        for kinds in self.held_out:
            for kind, examples in kinds.items():
                judged = examples[:1] if kind == REAL else examples  # the real map as it is, not sharpened or blurred
                called = float(np.mean([self._fraction_real(averaged["evaluator"], example) for example in judged]))
                right.setdefault(kind, []).append(called if kind == REAL else 1 - called)
        self.scores = {f"held_out_{kind}": float(np.mean(values)) for kind, values in right.items()}
        if self.scores:
            self.scores["held_out_accuracy"] = (self.scores["held_out_real"] + self.scores["held_out_molmap"]) / 2
        return self.scores

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged network, with its held-out scores and the classes of molecule they are of beside the
        weights.
        """
        about = {name: f"{value:.4f}" for name, value in self.scores.items()}
        about["held_out_molecules"] = ", ".join(self.molecules)
        save_network(folder / "model.safetensors", averaged["evaluator"], EVALUATOR, self.config.evaluator, about=about)

    def state(self) -> dict[str, Any]:
        """The scores of the last validation."""
        return {"scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self.scores = state["scores"]

    def _batch(self, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Cubes (b, 1, n, n, n), whether each is real (b,), and the voxels that count (b, 1, n, n, n)."""
        size, cubes = self.config.cube, []
        for number, at in enumerate(random.choice(len(self.maps), self.config.batch, p=self.share)):
            real = number % 2 == 0
            kinds = self.maps[at]
            examples = kinds[REAL if real else self._draw_kind(random, kinds)]
            example = examples[random.integers(len(examples))]
            start, turn = start_around(random, example.index, size), int(random.integers(24))
            parts = [rotate(cut(volume, start, size), turn) for volume in (example.data, example.structured)]
            cubes.append([np.ascontiguousarray(part, dtype=np.float32)[None] for part in parts] + [np.float32(real)])
        density, counted, real = (torch.from_numpy(np.stack(part)) for part in zip(*cubes, strict=True))
        return density.to(memory_format=torch.channels_last_3d), real, counted

    def _fraction_real(self, network: nn.Module, example: _JudgedMap) -> float:
        """The share of an example's structured voxels that the network calls real."""
        compute = Compute(str(self.device), "fp32")
        logits = apply_network(network, example.data[None].astype(np.float32), compute=compute)[0]
        return float((logits[example.structured] > 0).mean())

    def _draw_kind(self, random: np.random.Generator, kinds: _Kinds) -> str:
        if "generated" in kinds and random.random() < self.config.generated_share:
            return "generated"
        return str(random.choice(list(_SHARES), p=list(_SHARES.values())))


def make_evaluator_task(
    pairs: Sequence[Pair],
    held_out: Sequence[Pair],
    config: EvaluatorTraining,
    against: str | None,
    device: torch.device,
    seed: int,
) -> EvaluatorTask:
    """The task of `config`; `against` is "gan" for the shipped generator, a file of weights, or None.

    Raises
    ------
    UsageError
        The batch or the cube do not fit the network.
    DataError
        The weights are missing or damaged.
    """
    if config.batch % 2:
        raise ArgumentError("batch", config.batch, "give an even number; half of the cubes are real")
    multiple = 2**config.evaluator.levels
    if config.cube % multiple:
        raise ArgumentError("cube", config.cube, f"give a multiple of {multiple}")
    torch.manual_seed(seed)
    return EvaluatorTask(pairs, held_out, config, _generator(against, device) if against else None, device, seed)


def _generator(against: str, device: torch.device) -> Callable[[Pair, bool], np.ndarray]:
    """Maps by the shipped generator or another, at the pair's resolution."""
    weights = None if against == "gan" else against

    def make(pair: Pair, b_factors: bool) -> np.ndarray:
        condition = Condition(pair.resolution, b_factors)
        return generate(pair.structure, pair.target.grid, condition, Compute(str(device)), weights=weights)

    return make


def _kinds(
    pair: Pair, random: np.random.Generator, against: Callable[[Pair, bool], np.ndarray] | None
) -> dict[str, list[_JudgedMap]]:
    """The pair's real map in several sharpnesses, and everything that is to be told from it."""
    shells = Shells(pair.target.grid.shape, pair.target.voxel_size)
    within = np.minimum(shells.frequency, 1 / pair.resolution)
    real = [
        pair.target.with_data(shells.scale(pair.target.data, np.exp(-b * within**2 / 4))) if b else pair.target
        for b in _SHARPER
    ]
    volumes = {
        REAL: real,
        "molmap": classical(pair),
        "noisy": noisy(pair, random),
        "random": random_density(pair, random),
    }
    if against:
        volumes["generated"] = generated(pair, against)
    return {kind: list(_examples(each)) for kind, each in volumes.items()}


def _examples(volumes: list[Volume]) -> Iterator[_JudgedMap]:
    for volume in volumes:
        prepared = mask_map(volume)
        yield _JudgedMap(prepared.volume.data.astype(np.float16), prepared.structured, np.argwhere(prepared.structured))
