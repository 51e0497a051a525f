"""Every task, stopped and resumed between two validations, is the run that was not stopped: bit for bit."""

from __future__ import annotations

import csv
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.realism.network import EVALUATOR, EvaluatorConfig
from cryotools.realism.train import EvaluatorTask, EvaluatorTraining
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.network import GENERATOR, GeneratorConfig
from cryotools.simulate.learned.train import GanConfig, GanTask
from cryotools.simulate.learned.vae_network import VAE_GENERATOR, VaeConfig
from cryotools.simulate.learned.vae_train import VaeGanConfig, VaeGanTask
from cryotools.sse.learning.examples import make_classifier_example
from cryotools.sse.learning.train import ClassifierTask, ClassifierTraining
from cryotools.sse.network import SECONDARY_STRUCTURE, SecondaryStructureConfig
from cryotools.sse.truth.assign import assign
from cryotools.training import loop
from cryotools.training.loop import LoopConfig, train
from cryotools.training.pairs import Pair

ARCHITECTURES = [GENERATOR, VAE_GENERATOR, EVALUATOR, SECONDARY_STRUCTURE]
CONFIG = LoopConfig(steps=6, learning_rate=5e-3, warmup=1, averaging=0.5, validate_every=3, save_every=1, seed=2)
STOPPED = 4  # steps done: one since the last validation, and the next save comes before the next one


@pytest.fixture(scope="module")
def pair(trypsin):
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER][:250]
    grid = grid_around(structure, 1.0, 2.0)
    density = molmap_density(structure, grid, MapOptions(4.0))
    weight = np.ones(grid.shape, dtype=np.float32)
    return Pair("rule", Volume.on(grid, density / density.max()), weight, structure, 4.0, "protease", 0)


def gan(pair):
    return GanTask([pair], [pair], GanConfig(GeneratorConfig(width=4), cube=16, batch=2, adversarial=0.05))


def vae_gan(pair):
    return VaeGanTask([pair], [pair], VaeGanConfig(VaeConfig(width=8), discriminator_width=4, cube=16, batch=2))


def evaluator(pair):
    return EvaluatorTask([pair], [pair], EvaluatorTraining(EvaluatorConfig(width=4), cube=16, batch=2))


def classifier(pair):
    example = make_classifier_example(pair.target, pair.target.data, pair.structure, assign(pair.structure), 4.0)
    config = ClassifierTraining(SecondaryStructureConfig(width=4, levels=2), cube=16, batch=2)
    return ClassifierTask([[example]], [replace(example, resolution=6.0)], [pair], config)


def run(make, pair, folder, stop=None, workers=0):
    """What every save of a run left for a user: tensors, config and metadata of its network, and other tables."""
    torch.manual_seed(4)
    task = make(pair)
    step, save, saved = task.step, task.save, []

    def stepping(batch, number):
        if number + 1 == stop:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(batch, number)

    def saving(path, averaged):
        save(path, averaged)
        network, config, about = load_network(path / "model.safetensors", ARCHITECTURES)
        tables = [table.read_text() for table in path.glob("held_out.csv")]
        saved.append((network.state_dict(), config, about, tables))

    task.step, task.save = stepping, saving
    try:
        train(task, folder, CONFIG, resume=(folder / "state.pt").exists(), workers=workers)
    except SystemExit:
        assert stop
    return saved


@pytest.mark.learning
@pytest.mark.parametrize("make", [gan, vae_gan, evaluator, classifier], ids=lambda make: make.__name__)
def test_a_resumed_task_is_the_task_bit_for_bit(make, pair, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "draw_losses", lambda *_: None)
    whole = run(make, pair, tmp_path / "whole")
    parts = run(make, pair, tmp_path / "parts", stop=STOPPED)
    assert len(parts) == STOPPED
    parts += run(make, pair, tmp_path / "parts", workers=2)  # whoever makes the batches
    assert len(whole) == len(parts) == CONFIG.steps
    for one, other in zip(whole, parts, strict=True):
        assert all(torch.equal(tensor, other[0][name]) for name, tensor in one[0].items())
        assert one[1:] == other[1:]
    lines = []
    for name in ("whole", "parts"):
        rows = list(csv.DictReader((tmp_path / name / "metrics.csv").read_text().splitlines()))
        lines.append([{**row, "seconds": ""} for row in rows])
    assert lines[0] == lines[1]
    assert [row["step"] for row in lines[0]] == ["3", "6"]
    assert any(key.startswith("held_out") for key in lines[0][0])
    if make is classifier:
        temperatures = [config.temperature for _, config, *_ in parts]
        assert temperatures[0] == 1
        assert temperatures[STOPPED] == temperatures[STOPPED - 1] != 1  # saved after the resuming, before a validation
