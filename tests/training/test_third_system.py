"""A third system in one file, gold beads in maps: what it imports is what any new system finds in the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import center_of_mass, label, maximum
from small_structures import A, write_pdb
from torch import nn
from torch.nn import functional

from cryotools.core.compute.checkpoint import Architecture, load_network, save_network
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.rotations import cut, rotate, start_around
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.metrics.detection import is_right, match_points, precision_recall
from cryotools.simulate.boxes import keep_boxes, simulate_box, without_solvent
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.training.augment import CubeNoise
from cryotools.training.calibration import fit_temperature
from cryotools.training.loop import LoopConfig, train
from cryotools.training.step import sqrt_shares, update
from cryotools.training.store import ExampleStore
from cryotools.training.task import Batch

GOLD, NEAR, CUBE = 79, 3.0, 16


# labels
@dataclass(frozen=True)
class BeadExample:
    density: np.ndarray  # float16 (nz, ny, nx)
    bead: np.ndarray  # bool (nz, ny, nx)
    index: np.ndarray  # (n, 3), voxels to draw cubes around


def make_bead_example(structure: Structure, random: np.random.Generator) -> BeadExample:
    structure = without_solvent(structure)
    box = simulate_box(structure, random, around=structure.element == GOLD)
    bead = near_points(box.volume.grid, box.structure.xyz[box.structure.element == GOLD], NEAR)
    return BeadExample(box.density.astype(np.float16), bead, np.argwhere(bead))


# network
@dataclass(frozen=True)
class BeadConfig:
    width: int = 8


class BeadNetwork(nn.Sequential):
    halo, multiple = 3, 1

    def __init__(self, config: BeadConfig) -> None:
        first, second = nn.Conv3d(1, config.width, 5, padding=2), nn.Conv3d(config.width, 2, 3, padding=1)
        super().__init__(first, nn.ReLU(), second)


BEADS = Architecture("toy-beads", BeadConfig, BeadNetwork)


# training
class BeadTask:
    def __init__(self, folder: Path, structures: list[Path], config: BeadConfig) -> None:
        store, self.config, self.noise = ExampleStore(BeadExample, folder), config, CubeNoise()
        self.examples = keep_boxes(store, structures, 4, make_bead_example, way="beads-1")
        self.share = sqrt_shares([len(one.index) for one in self.examples])
        network = BeadNetwork(config)
        self.networks: dict[str, nn.Module] = {"beads": network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {"beads": torch.optim.AdamW(network.parameters())}
        self.temperature = 1.0

    def batch(self, random: np.random.Generator, step: int) -> Batch:
        cubes = []
        for number in random.choice(len(self.examples), 4, p=self.share):
            example = self.examples[number]
            place = partial(cut, start=start_around(random, example.index, CUBE), size=CUBE)
            density, bead = (rotate(place(part), step % 24) for part in (example.density, example.bead))
            cubes.append((self.noise.disturbed(density.astype(np.float32), random)[None], bead.astype(np.int64)))
        density, bead = (torch.from_numpy(np.stack(part)) for part in zip(*cubes, strict=True))
        return density, bead

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        density, bead = batch
        loss = functional.cross_entropy(self.networks["beads"].train()(density), bead)
        update(self.networks["beads"], self.optimizers["beads"], loss)
        return {"cross_entropy": float(loss.detach())}

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        example = self.examples[0]
        logits = apply_network(averaged["beads"], example.density[None].astype(np.float32), compute=Compute("cpu"))
        self.temperature = fit_temperature(logits.reshape(2, -1).T, example.bead.ravel().astype(int))
        return {"held_out_temperature": self.temperature}

    def save(self, folder: Path, averaged: dict[str, nn.Module]) -> None:
        told = {"temperature": str(self.temperature)}
        save_network(folder / "model.safetensors", averaged["beads"], BEADS, self.config, about=told)

    def state(self) -> dict[str, Any]:
        return {"temperature": self.temperature}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.temperature = state["temperature"]


# inference
def find_beads(volume: Volume, weights: Path) -> tuple[np.ndarray, np.ndarray]:
    network, _, about = load_network(weights, [BEADS])
    unit = prepare_map(volume).volume
    logits = apply_network(network, unit.data[None], compute=Compute("cpu")) / float(about["temperature"])
    sure = 1 / (1 + np.exp(logits[0] - logits[1]))
    islands, count = label(sure > 0.6)
    centres = np.array(center_of_mass(sure, islands, range(1, count + 1))).reshape(-1, 3)
    return unit.grid.index_to_world(centres[:, ::-1]), np.array(maximum(sure, islands, range(1, count + 1)))


def _structure(path: Path, seed: int) -> Path:
    random = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*[np.arange(-15, 16, 5.0)] * 3), axis=-1).reshape(-1, 3)
    places = random.permutation(np.round(places + random.uniform(-1, 1, places.shape), 3))
    gold = [A("Au", tuple(xyz), residue="AU", number=n, hetero=True) for n, xyz in enumerate(places[:5], 1)]
    return write_pdb(path, [*(A("C", tuple(xyz), name="CA", number=n) for n, xyz in enumerate(places[5:], 6)), *gold])


@pytest.mark.learning
def test_a_new_system_needs_nothing_but_its_own_science(tmp_path: Path) -> None:
    structures = [_structure(tmp_path / f"{seed}.pdb", seed) for seed in range(3)]
    torch.manual_seed(0)
    task = BeadTask(tmp_path / "boxes", structures[:2], BeadConfig())
    train(task, tmp_path / "run", LoopConfig(steps=300, learning_rate=5e-3, warmup=5, averaging=0.9), workers=1)
    unseen = read_structure(structures[2])
    grid = grid_around(unseen, 1.0, 8.0)
    made = Volume.on(grid, molmap_density(unseen, grid, MapOptions(3.5)))
    found, sure = find_beads(made, tmp_path / "run/model.safetensors")
    gold = unseen.xyz[unseen.element == GOLD]
    right = is_right(len(found), match_points(found, gold, 3.0))
    assert precision_recall(sure, right, len(gold)).average_precision() > 0.75
