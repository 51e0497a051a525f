from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.realism.network import EVALUATOR, EvaluatorConfig
from cryotools.realism.predict import evaluate
from cryotools.realism.train import EvaluatorTask, EvaluatorTraining
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.training.loop import LoopConfig, train
from cryotools.training.pairs import Pair

SMALL = EvaluatorTraining(evaluator=EvaluatorConfig(width=8), cube=16, batch=8)


@pytest.fixture(scope="module")
def pair(trypsin):
    """A "real" map whose sign is known: density ends in a step."""
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER][:250]
    grid = grid_around(structure, 1.0, 2.0)
    density = molmap_density(structure, grid, MapOptions(4.0))
    stepped = np.floor(3 * density / density.max()) / 3
    return Pair("steps", Volume.on(grid, stepped), np.ones(grid.shape, dtype=np.float32), structure, 4.0, "protease", 0)


@pytest.mark.learning
def test_real_maps_are_told_from_simulated_ones(pair, tmp_path):
    task = EvaluatorTask([pair], [pair], SMALL)
    train(task, tmp_path, LoopConfig(steps=150, learning_rate=1e-2, warmup=5, validate_every=150, save_every=150))
    _, _, about = load_network(tmp_path / "model.safetensors", [EVALUATOR])
    assert float(about["held_out_accuracy"]) > 0.7
    assert about["held_out_molecules"] == "protein"
    weights = tmp_path / "model.safetensors"
    real = evaluate(pair.target, pair.structure, weights=weights, compute=Compute("cpu"))
    made = pair.target.with_data(molmap_density(pair.structure, pair.target.grid, MapOptions(4.0)))
    simulated = evaluate(made, pair.structure, weights=weights, compute=Compute("cpu"))
    assert real.fraction_real > simulated.fraction_real + 0.4


@pytest.mark.slow
def test_what_is_made_of_a_map_does_not_depend_on_the_maps_beside_it(pair):
    other = replace(pair, id="other")
    alone, beside = EvaluatorTask([pair], [], SMALL), EvaluatorTask([other, pair], [pair], SMALL)
    for kinds in (beside.maps[1], beside.held_out[0]):
        for kind, examples in alone.maps[0].items():
            for one, same in zip(examples, kinds[kind], strict=True):
                np.testing.assert_array_equal(one.data, same.data)
    assert np.abs(beside.maps[0]["random"][0].data - alone.maps[0]["random"][0].data).max() > 0.1


@pytest.mark.slow
def test_batches_are_half_real_and_never_empty(pair):
    task = EvaluatorTask([pair], [], SMALL)
    density, real, counted = task.batch(np.random.default_rng(0), 0)
    assert real.tolist() == [1, 0] * 4
    assert (counted.sum(dim=(1, 2, 3, 4)) > 0).all()
    assert density.shape == counted.shape == (8, 1, 16, 16, 16)


@pytest.mark.slow
def test_a_generator_s_maps_are_a_kind_of_their_own(pair):
    asked = []

    def generator(of, b_factors):
        asked.append(b_factors)
        return of.target.data + 1

    task = EvaluatorTask([pair], [], SMALL, generator)
    assert len(task.maps[0]["generated"]) == 2
    assert asked == [False, True]
    drawn = {task._draw_kind(np.random.default_rng(seed), task.maps[0]) for seed in range(50)}
    assert drawn == {"generated", "molmap", "noisy", "random"}
