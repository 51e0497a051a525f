"""From user input to a training task: structures to simulate, versions of experimental maps, a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import torch

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import ArgumentError
from cryotools.core.progress import Progress
from cryotools.simulate.boxes import BOX
from cryotools.sse.learning.examples import ClassifierExample, experimental_examples
from cryotools.sse.learning.simulated import digest, simulated_examples
from cryotools.sse.learning.train import ClassifierTask, ClassifierTraining
from cryotools.sse.network import SECONDARY_STRUCTURE, SecondaryStructure
from cryotools.training.pairs import Pair
from cryotools.training.store import ExampleStore


@dataclass(frozen=True)
class Simulations:
    """Maps to simulate in addition to the experimental ones: `count` boxes (None: three per structure) from the files
    `structures`, stored in the folder `cache`.
    """

    structures: Sequence[Path]
    count: int | None
    cache: Path


@dataclass(frozen=True)
class ClassifierOptions:
    """Setup of a run: `versions` of each experimental map, `simulations` in addition, and the network of `config` or,
    if given, of the weights file `init`. Versions are stored in `folder` (None: a temporary one).
    """

    config: ClassifierTraining
    versions: int = 10
    simulations: Simulations | None = None
    init: str | None = None
    device: str | torch.device = "cpu"
    seed: int = 0
    folder: Path | None = None


def make_classifier_task(
    pairs: Sequence[Pair],
    held_out: Sequence[Pair],
    options: ClassifierOptions,
    progress: Progress | None = None,
) -> ClassifierTask:
    """The task described by `options` on `pairs`, validated on `held_out`.

    Raises
    ------
    UsageError
        The cube size does not fit the network.
    DataError
        A file is missing or damaged.
    """
    config, simulations, seed = options.config, options.simulations, options.seed
    torch.manual_seed(seed)
    start: SecondaryStructure | None = None
    if options.init:
        start = cast(SecondaryStructure, load_network(options.init, [SECONDARY_STRUCTURE])[0])
        config = replace(config, network=start.config)
    network = start or SecondaryStructure(config.network)
    if config.cube % network.multiple or config.cube > BOX:
        raise ArgumentError("cube", config.cube, f"give a multiple of {network.multiple}, {BOX} at most")
    store = ExampleStore(ClassifierExample, options.folder)
    makers = {
        f"{at:05d}": partial(experimental_examples, pair, options.versions, seed) for at, pair in enumerate(pairs)
    }
    store.fill(makers, progress, "preparing maps")
    real = [store.versions(name) for name in makers]
    simulated: Sequence[ClassifierExample] = []
    if simulations:
        count = simulations.count or 3 * len(simulations.structures)
        simulated = simulated_examples(simulations.structures, count, simulations.cache, seed, progress)
    return ClassifierTask(real, simulated, held_out, config, options.device, network)


def describe_classifier(task: ClassifierTask, options: ClassifierOptions) -> dict[str, object]:
    """The settings of a run, as plain values; a run with any different setting cannot be resumed."""
    made_of = digest(options.simulations.structures, options.seed) if options.simulations else ""
    return {
        "arch": SECONDARY_STRUCTURE.name,
        **dataclasses.asdict(task.config),
        "versions": options.versions,
        "init": options.init or "",
        "n_simulated": len(task.simulated),
        "simulated_from": made_of,
    }
