"""Train the evaluation discriminator to distinguish real maps from others, all in one common form.

It never sees maps from the generator that it will judge, unless requested (`against`, the harder mode).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import ArgumentError
from cryotools.core.maps.rotations import cut, rotate, start_around
from cryotools.core.maps.shells import Shells
from cryotools.realism.fakes import classical, generated, noisy, random_density
from cryotools.realism.inputs import mask_map
from cryotools.realism.molecules import molecule_of
from cryotools.realism.network import EVALUATOR, Evaluator, EvaluatorConfig
from cryotools.simulate.learned.inputs import Condition
from cryotools.simulate.learned.predict import generate
from cryotools.training import distributed
from cryotools.training.pairs import Pair
from cryotools.training.seeds import random_for
from cryotools.training.step import on_device, sqrt_shares, update
from cryotools.training.store import ExampleStore, Kept
from cryotools.training.task import Batch

REAL = "real"
_SHARPER = (0.0, 60.0, -40.0)  # Å², changes of B applied to real maps, so that sharpness does not give them away


@dataclass(frozen=True)
class EvaluatorTraining:
    """`batch` cubes of `cube` voxels per step, half of them real; `generated_share` of the others are generated, if
    there is a generator.
    """

    evaluator: EvaluatorConfig = field(default_factory=EvaluatorConfig)
    cube: int = 32
    batch: int = 16
    generated_share: float = 0.4
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class _JudgedMap:
    """A map of a `kind` in the common form: `data` float16, `structured` bool, both (nz, ny, nx); `index` (n, 3) of
    the structured voxels.
    """

    kind: str
    data: np.ndarray
    structured: np.ndarray
    index: np.ndarray


_Kinds = dict[str, Kept[_JudgedMap]]
_SHARES = {"molmap": 0.45, "noisy": 0.4, "random": 0.15}


class EvaluatorTask:
    """The evaluation discriminator on curated pairs, to be trained by `training.loop` on `device`.

    `against` generates a map of a pair, with or without its B factors; None leaves generated maps out. The maps are
    stored in `folder` (None: only for the lifetime of the task).
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        held_out: Sequence[Pair],
        config: EvaluatorTraining,
        against: Callable[[Pair, bool], np.ndarray] | None = None,
        device: str | torch.device = "cpu",
        seed: int = 0,
        folder: Path | None = None,
    ) -> None:
        self.config, self.device = config, torch.device(device)
        network = on_device(Evaluator(config.evaluator), self.device)
        self.networks: dict[str, nn.Module] = {"evaluator": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "evaluator": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
        }
        store = ExampleStore(_JudgedMap, folder)
        learned, judged = (
            {f"{what}-{number:05d}": partial(_examples, pair, seed, against) for number, pair in enumerate(of)}
            for what, of in (("map", pairs), ("held-out", held_out))
        )
        store.fill(learned | judged)
        self.maps = [_kinds(store.versions(name)) for name in learned]
        self.held_out = [_kinds(store.versions(name)) for name in judged] if distributed.is_first() else []
        self.share = sqrt_shares([len(kinds[REAL][0].index) for kinds in self.maps])
        self.molecules = sorted(filter(None, {molecule_of(pair.structure) for pair in held_out}))
        self.scores: dict[str, float] = {}

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update."""
        density, real, counted = batch
        network = self.networks["evaluator"]
        network.train()
        logits = network(density)
        wanted = real[:, None, None, None, None].expand_as(logits)
        loss = functional.binary_cross_entropy_with_logits(logits, wanted, counted, reduction="sum") / counted.sum()
        right = (((logits > 0) == (wanted > 0.5)) * counted).sum() / counted.sum()
        update(network, self.optimizers["evaluator"], loss)
        return {"cross_entropy": float(loss.detach()), "accuracy": float(right)}

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        """Accuracy on structured voxels of held-out maps, averaged over maps: for real maps, for each kind of fake, and
        balanced between real and molmap (`held_out_accuracy`).
        """
        right: dict[str, list[float]] = {}
        for kinds in self.held_out:
            for kind, examples in kinds.items():
                # the real map as it is, not sharpened or blurred
                judged = examples.select([0]) if kind == REAL else examples
                called = float(np.mean([self._fraction_real(averaged["evaluator"], example) for example in judged]))
                right.setdefault(kind, []).append(called if kind == REAL else 1 - called)
        self.scores = {f"held_out_{kind}": float(np.mean(values)) for kind, values in right.items()}
        if self.scores:
            self.scores["held_out_accuracy"] = (self.scores["held_out_real"] + self.scores["held_out_molmap"]) / 2
        return self.scores

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        """Write the averaged network; its held-out scores and the molecule types they apply to are stored with the
        weights.
        """
        about = {name: f"{value:.4f}" for name, value in self.scores.items()}
        about["held_out_molecules"] = ", ".join(self.molecules)
        save_network(folder / "model.safetensors", averaged["evaluator"], EVALUATOR, self.config.evaluator, about=about)

    def state(self) -> dict[str, Any]:
        """The scores of the last validation."""
        return {"scores": self.scores}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self.scores = state["scores"]

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        """Cubes (b, 1, n, n, n), whether each is real (b,), and the mask of voxels that count (b, 1, n, n, n)."""
        size, cubes = self.config.cube, []
        for number, at in enumerate(random.choice(len(self.maps), self.config.batch, p=self.share)):
            real = number % 2 == 0
            kinds = self.maps[at]
            examples = kinds[REAL if real else self._draw_kind(random, kinds)]
            example = examples[random.integers(len(examples))]
            start, turn = start_around(random, example.index, size), int(random.integers(24))
            parts = [rotate(cut(volume, start, size), turn) for volume in (example.data, example.structured)]
            cubes.append([np.ascontiguousarray(part, dtype=np.float32)[None] for part in parts] + [np.float32(real)])
        density, counted, is_real = (torch.from_numpy(np.stack(part)) for part in zip(*cubes, strict=True))
        return density.to(memory_format=torch.channels_last_3d), is_real, counted

    def _fraction_real(self, network: nn.Module, example: _JudgedMap) -> float:
        """The fraction of an example's structured voxels that the network calls real."""
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
    folder: Path | None = None,
) -> EvaluatorTask:
    """The task of `config`; `against` is "gan" for the shipped generator, a file of weights, or None.

    Raises
    ------
    UsageError
        The batch size is odd, or the cube size does not fit the network.
    DataError
        The weights are missing or damaged.
    """
    if config.batch % 2:
        raise ArgumentError("batch", config.batch, "give an even number; half of the cubes are real")
    multiple = 2**config.evaluator.levels
    if config.cube % multiple:
        raise ArgumentError("cube", config.cube, f"give a multiple of {multiple}")
    torch.manual_seed(seed)
    generator = _generator(against, device) if against else None
    return EvaluatorTask(pairs, held_out, config, generator, device, seed, folder)


def _generator(against: str, device: torch.device) -> Callable[[Pair, bool], np.ndarray]:
    """Maps from the shipped generator or another one, at the pair's resolution."""
    weights = None if against == "gan" else against

    def make(pair: Pair, b_factors: bool) -> np.ndarray:
        condition = Condition(pair.resolution, b_factors)
        return generate(pair.structure, pair.target.grid, condition, Compute(str(device)), weights=weights)

    return make


def _kinds(maps: Kept[_JudgedMap]) -> _Kinds:
    """Maps grouped by kind."""
    numbers: dict[str, list[int]] = {}
    for number, one in enumerate(maps):
        numbers.setdefault(one.kind, []).append(number)
    return {kind: maps.select(of) for kind, of in numbers.items()}


def _examples(pair: Pair, seed: int, against: Callable[[Pair, bool], np.ndarray] | None) -> Iterator[_JudgedMap]:
    """The pair's real map at several levels of sharpness, and all maps to be distinguished from it."""
    random = random_for(seed, pair.id)
    shells = Shells(pair.target.grid.shape, pair.target.voxel_size)
    real = [
        pair.target.with_data(shells.change_b(pair.target.data, b, pair.resolution)) if b else pair.target
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
    for kind, each in volumes.items():
        for volume in each:
            prepared = mask_map(volume)
            data, structured = prepared.volume.data.astype(np.float16), prepared.structured
            yield _JudgedMap(kind, data, structured, np.argwhere(structured))
