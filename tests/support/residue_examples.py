"""A map of a real protein with its residues, as networks of residues learn from, and what a run of theirs leaves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cryotools.anchors.learning.examples import ResidueExample, experimental_residues
from cryotools.core.compute.checkpoint import load_state
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import PROTEIN
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.training.loop import LoopConfig, train
from cryotools.training.pairs import Pair
from cryotools.training.task import Batch


def small_pair(path: Path, residues: int = 40, resolution: float = 3.0) -> Pair:
    """The first residues of a structure and their map."""
    structure = read_structure(path)
    structure = structure[structure.kind == PROTEIN]
    structure = structure[structure.residue_index() < residues]
    grid = grid_around(structure, 1.0, 4.0)
    volume = Volume.on(grid, molmap_density(structure, grid, MapOptions(resolution)))
    return Pair("small", volume, np.ones(grid.shape, dtype=np.float32), structure, resolution, "protease", 0)


def small_example(path: Path, residues: int = 40) -> ResidueExample:
    return next(experimental_residues(small_pair(path, residues), 1))


def states_of_runs(make: Callable[[], Any], folder: Path, steps: int = 2) -> list[dict[str, Any]]:
    """The last states of a run of `steps` steps, and of one that was stopped before its last step and resumed."""
    config = LoopConfig(steps=steps, learning_rate=3e-3, warmup=1, averaging=0.5, validate_every=steps, save_every=1)
    states = []
    for name, stopped in (("whole", False), ("parts", True)):
        if stopped:
            torch.manual_seed(4)
            with suppress(KeyboardInterrupt):
                train(_stopping(make(), steps - 1), folder / name, config)
        torch.manual_seed(5 if stopped else 4)  # what a resumed task begins with does not matter
        train(make(), folder / name, config, resume=stopped)
        states.append({**load_state(folder / name / "state.pt"), "seconds": 0.0})
    return states


def same_states(one: Any, other: Any) -> bool:
    """Whether two states are equal bit for bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_states(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same_states, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def _stopping(task: Any, at: int) -> Any:
    step = task.step

    def stopping(batch: Batch, number: int) -> dict[str, float]:
        if number == at:
            raise KeyboardInterrupt
        return step(batch, number)

    task.step = stopping
    return task
