"""Cubes made for training per second, by the process that trains and by worker processes ahead of it, and the memory
that the examples take: `python tests/benchmarks/cubes.py`. One map of trypsin at 3.5 Å stands for a training set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.realism.train import EvaluatorTask, EvaluatorTraining
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.train import GanConfig, GanTask
from cryotools.simulate.learned.vae_train import VaeGanConfig, VaeGanTask
from cryotools.sse.learning.tasks import ClassifierOptions, make_classifier_task
from cryotools.sse.learning.train import ClassifierTraining
from cryotools.training.loader import batches
from cryotools.training.pairs import Pair

EXAMPLE = Path(__file__).parents[2] / "examples" / "1gbt.cif"
STEPS = 30


def pair() -> Pair:
    """The example structure and its map, with some noise."""
    structure = read_structure(EXAMPLE)
    structure = structure[structure.kind != WATER]
    grid = grid_around(structure, 1.0, 12.0)
    density = molmap_density(structure, grid, MapOptions(3.5))
    noise = 0.02 * float(density.max()) * np.random.default_rng(0).standard_normal(grid.shape, dtype=np.float32)
    weight = np.ones(grid.shape, dtype=np.float32)
    return Pair("trypsin", Volume.on(grid, density + noise), weight, structure, 3.5, "protease", 0)


TASKS: dict[str, Callable[[Pair], Any]] = {
    "train-gan": lambda one: GanTask([one], [], GanConfig()),
    "train-gan --arch vae-gan": lambda one: VaeGanTask([one], [], VaeGanConfig()),
    "train-disc": lambda one: EvaluatorTask([one], [], EvaluatorTraining()),
    "train-sse": lambda one: make_classifier_task([one], [], ClassifierOptions(ClassifierTraining(), versions=5)),
}


def own_memory() -> float:
    """MB of this process that no file backs (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def rate(made: Iterator[Any], clock: Callable[[], float]) -> float:
    """Cubes per second of a clock, after a first batch that starts what is to be started."""
    next(made)
    began, cubes = clock(), 0
    for batch in made:
        cubes += len(batch[0])
    return cubes / (clock() - began)


def main() -> None:
    """Print a line per training command."""
    torch.set_num_threads(1)
    one = pair()
    print("command | MB of examples in memory | cubes per s of processor | per s with 0, 1, 2 workers")
    for name, make in TASKS.items():
        before = own_memory()
        task = make(one)
        taken = own_memory() - before
        alone = rate(batches(task.batch, range(STEPS)), time.process_time)
        ahead = [rate(batches(task.batch, range(STEPS), workers=n), time.perf_counter) for n in (0, 1, 2)]
        print(f"{name} | {taken:.0f} | {alone:.0f} | {', '.join(f'{each:.0f}' for each in ahead)}", flush=True)


if __name__ == "__main__":
    main()
