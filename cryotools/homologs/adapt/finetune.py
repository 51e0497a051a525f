"""Fine-tuning: from a map and structures of homologs to a network fitted to both."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from cryotools.core.compute.checkpoint import load_network, shipped
from cryotools.core.compute.device import resolve_device
from cryotools.core.errors import ArgumentError, CryotoolsNote, DataError
from cryotools.core.files.output import write_text
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import NoProgress, Progress
from cryotools.core.structures.structure import Structure
from cryotools.homologs.adapt.conditions import QueryConditions, check_simulated_resolution, query_conditions
from cryotools.homologs.adapt.kinds import TunedKind, tuned_kind
from cryotools.homologs.adapt.matched import MatchedExperiment, matched_style
from cryotools.homologs.adapt.task import FineTuning, only_last
from cryotools.nn.unet import UNetBased
from cryotools.training.loop import LoopConfig, check_folder, train

_HELD_OUT = 8  # batches


@dataclass(frozen=True)
class FineTune:
    """How a network is fine-tuned.

    Attributes
    ----------
    layers : convolutions that learn, counted from the last; None for all
    boxes : simulated from the homologs
    steps, learning_rate, batch : updates, their peak rate, cubes in each
    every : steps between validations
    weights : file of the network to start from; None for the shipped one
    precision : of the steps, as in `training.loop`
    """

    task: str = "sse"
    layers: int | None = 2
    boxes: int = 24
    steps: int = 100
    learning_rate: float = 1e-3
    batch: int = 4
    every: int = 25
    weights: str | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "fp32"


@dataclass(frozen=True)
class FineTuned:
    """The network's file, the homologs it was fitted to and judged on, the losses of held-out boxes of base and result,
    and the map's conditions.
    """

    path: Path
    learnt_from: tuple[str, ...]
    judged_on: tuple[str, ...]
    loss_before: float
    loss_after: float
    conditions: QueryConditions


def finetune(
    volume: Volume,
    resolution: float,
    homologs: Sequence[Structure],
    folder: str | os.PathLike[str],
    settings: FineTune = FineTune(),
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> FineTuned:
    """Fit a network to a map and structures of homologs (`homologs.structures`: the entries for sites, else the
    chains); `folder` receives model.safetensors and the files of a run.

    Boxes are simulated from the homologs under the map's conditions. The last homolog is held out, or, if there is only
    one, a quarter of the boxes; the state of least loss on them is kept, the base itself if nothing is better.

    Raises
    ------
    DataError
        No homolog is given, a file is missing or damaged, or the weights are of another task.
    UsageError
        The task, the number of layers or the resolution is out of range; `folder` has a run and `resume` is not set.
    """
    kind, place = tuned_kind(settings.task), Path(folder)
    check_simulated_resolution(resolution)
    if not homologs:
        raise DataError("no homologs are given; there is nothing to fit the network to")
    if settings.boxes < 4:
        raise ArgumentError("boxes", settings.boxes, "give 4 or more")
    check_folder(place, resume)
    conditions, device = query_conditions(volume, resolution), resolve_device(settings.device)
    torch.manual_seed(settings.seed)
    network = cast(UNetBased, load_network(settings.weights or shipped(kind.weights), [kind.architecture])[0])
    learning = only_last(network, settings.layers)
    examples, held_out, names = _examples(homologs, kind, conditions, settings, progress or NoProgress())
    base = Path(settings.weights).name if settings.weights else kind.weights
    about = {
        "base": base,
        "homologs": ", ".join(names[0]),
        "held_out_homologs": ", ".join(names[1]),
        "settings": json.dumps(asdict(settings) | asdict(conditions) | {"numbers_that_learn": learning}),
    }
    judge = kind.task(held_out, network, settings.batch, device)
    random = np.random.default_rng([settings.seed, 1])
    batches = [judge.batch(random, at) for at in range(_HELD_OUT)]
    task = FineTuning(kind.task(examples, network, settings.batch, device), batches, kind.architecture, about)
    loop = LoopConfig(
        steps=settings.steps,
        learning_rate=settings.learning_rate,
        warmup=min(10, settings.steps),
        averaging=0.95,
        validate_every=settings.every,
        save_every=settings.every,
        seed=settings.seed,
        precision=settings.precision,
    )
    train(task, place, loop, about=about, resume=resume, progress=progress)
    write_text(place / "model.json", json.dumps(_card(task, about), indent=1))
    return FineTuned(place / "model.safetensors", names[0], names[1], task.first, task.best, conditions)


def _examples(
    homologs: Sequence[Structure],
    kind: TunedKind,
    conditions: QueryConditions,
    settings: FineTune,
    progress: Progress,
) -> tuple[list[Any], list[Any], tuple[tuple[str, ...], tuple[str, ...]]]:
    """Examples to learn from, held-out ones, and the names of the homologs of both."""
    held, used = homologs[-1:], homologs[:-1] or homologs
    if len(homologs) == 1:
        warnings.warn(
            "there is one homolog, so boxes of it are held out instead of another homolog", CryotoolsNote, stacklevel=3
        )
    style, experiment, few = matched_style(conditions), MatchedExperiment(conditions), max(1, settings.boxes // 4)
    progress.start(settings.boxes + few, "simulating")

    def made(structures: Sequence[Structure], count: int, first: int) -> list[Any]:
        examples = []
        for number in range(first, first + count):
            random = np.random.default_rng([settings.seed, number])
            examples.append(kind.example(structures[number % len(structures)], random, style, experiment))
            progress.advance()
        return examples

    names = tuple(tuple(Path(one.name).name for one in part) for part in (used, held))
    return made(used, settings.boxes, 0), made(held, few, settings.boxes), (names[0], names[1])


def _card(task: FineTuning, about: dict[str, str]) -> dict[str, Any]:
    return {
        "name": "fine-tuned network",
        "architecture": task.architecture.name,
        "base": about["base"],
        "trained_on": f"boxes simulated from {about['homologs']}",
        "held_out": about["held_out_homologs"],
        "settings": json.loads(about["settings"]),
        "scores": {"held-out loss": task.best, "held-out loss of the base": task.first},
        "limits": "fitted to one map; its model was not seen. Confidences are not calibrated again",
    }
