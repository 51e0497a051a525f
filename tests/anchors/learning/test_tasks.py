"""The training tasks: two steps, states, and what they learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cryotools.anchors.labels import residue_truth
from cryotools.anchors.learning.domains import EM, SIM, Single, draw_example
from cryotools.anchors.learning.draws import draw_cubes, framed
from cryotools.anchors.learning.examples import ResidueExample, experimental_residues, make_residue_example
from cryotools.anchors.learning.tasks import AnchorOptions, Boxes, describe_anchors, make_anchor_task
from cryotools.anchors.learning.trace import TraceTraining
from cryotools.anchors.learning.types import TypeTraining
from cryotools.anchors.network import NONE, RESIDUE_TYPE, TRACE, ResidueTypeConfig, TraceConfig
from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import UsageError
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.training.augment import CubeNoise
from cryotools.training.loop import LoopConfig, train
from cryotools.training.pairs import Pair

DATA = Path(__file__).parents[2] / "data"
EXAMPLE = Path(__file__).parents[3] / "examples/1gbt.cif"
TYPES = TypeTraining(ResidueTypeConfig(width=4), maps=2, residues=8)
CHAINS = TraceTraining(TraceConfig(width=4, levels=2), cube=16, batch=2)


@pytest.fixture(scope="module")
def pair() -> Pair:
    volume = prepare_map(read_map(DATA / "emd_3488_crop.mrc.gz"), 3.2).volume
    structure = read_structure(DATA / "5ni1_crop.pdb.gz")
    structure = structure[structure.kind != WATER]
    weight = np.ones(volume.data.shape, dtype=np.float32)
    return Pair("crop", volume, weight, structure, 3.2, "globin", 0)


@pytest.fixture(scope="module")
def example(pair: Pair) -> ResidueExample:
    return next(experimental_residues(pair, 1))


def test_examples_hold_the_residues_of_the_model_in_voxels(pair: Pair, example: ResidueExample) -> None:
    truth = residue_truth(pair.structure)
    inside = example.inside
    assert len(inside) == pair.target.grid.contains(truth.ca).sum()
    back = pair.target.grid.index_to_world(example.ca)
    assert np.linalg.norm(back[:, None] - truth.ca, axis=2).min(axis=1).max() < 1e-3
    bonded = example.after >= 0
    assert np.linalg.norm(example.ca[bonded] - example.ca[example.after[bonded]], axis=1).max() < 4.5


def test_versions_of_a_map_differ_but_not_their_residues(pair: Pair) -> None:
    first, second = experimental_residues(pair, 2)
    assert not np.array_equal(first.density, second.density)
    assert np.array_equal(first.ca, second.ca)
    assert first.source == second.source


def test_cubes_in_right_frames_have_their_types_and_others_none(example: ResidueExample) -> None:
    drawn = draw_cubes(example, np.random.default_rng(0), 40, 0.4, CubeNoise())
    assert drawn is not None
    cubes, types = drawn.seen, drawn.types
    assert cubes.shape == (40, 1, 16, 16, 16)
    assert (types == NONE).sum() == 10
    assert set(types[types != NONE]) <= set(example.amino[framed(example)])


def test_a_map_without_framed_residues_gives_no_cubes(example: ResidueExample) -> None:
    lonely = replace(example, before=np.full_like(example.before, -1))
    assert draw_cubes(lonely, np.random.default_rng(0), 8, 0.4, CubeNoise()) is None


def test_domains_are_drawn_by_their_shares(example: ResidueExample) -> None:
    random = np.random.default_rng(0)
    domains = {EM: (0.25, [[example]]), SIM: (0.75, Single([example]))}
    numbers = [draw_example(domains, random)[1] for _ in range(400)]
    assert np.mean(np.array(numbers) == 1) == pytest.approx(0.75, abs=0.07)


@pytest.mark.learning
@pytest.mark.parametrize("config", [TYPES, CHAINS], ids=["type", "trace"])
def test_a_resumed_run_is_that_of_an_uninterrupted_one(
    pair: Pair, tmp_path: Path, config: TypeTraining | TraceTraining
) -> None:
    def run(folder: Path, steps: int, *, resume: bool = False) -> dict[str, torch.Tensor]:
        boxes = Boxes(tmp_path / "boxes", structures=[EXAMPLE], simulated=1)
        options = AnchorOptions(config, versions=1, boxes=boxes, folder=tmp_path / "versions")
        task = make_anchor_task([pair], [pair], options)
        about = describe_anchors(task, options)
        assert (about["n_em"], about["n_sim"]) == (1, 1)
        loop = LoopConfig(steps=4, warmup=1, validate_every=4, save_every=2)
        if steps < 4:
            loop = replace(loop, save_every=steps)
            step = task.step

            def stopping(batch, number):  # type: ignore[no-untyped-def]
                if number == steps:
                    raise KeyboardInterrupt
                return step(batch, number)

            task.step = stopping  # type: ignore[method-assign]
        train(task, folder, loop, about=about, resume=resume)
        network = load_network(folder / "model.safetensors", [RESIDUE_TYPE, TRACE])[0]
        return network.state_dict()

    whole = run(tmp_path / "whole", 4)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", 2)
    parts = run(tmp_path / "parts", 4, resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    lines = (tmp_path / "whole" / "metrics.csv").read_text().splitlines()
    assert "held_out_" in lines[0]


def test_nothing_to_train_on_is_refused(pair: Pair) -> None:
    with pytest.raises(UsageError, match="nothing to train on"):
        make_anchor_task([pair], [], AnchorOptions(TYPES, versions=0))


def test_cubes_must_fit_the_network(pair: Pair, tmp_path: Path) -> None:
    options = AnchorOptions(replace(CHAINS, cube=18), versions=1, folder=tmp_path)
    with pytest.raises(UsageError, match="multiple of 4"):
        make_anchor_task([pair], [], options)


def test_points_beyond_the_faces_are_dropped_and_links_to_them_cut(pair: Pair) -> None:
    truth, grid = residue_truth(pair.structure), pair.target.crop((0, 0, 0), (24, 24, 24)).grid
    part = make_residue_example(grid, np.ones(grid.shape), truth, 3.0, "part")
    assert 0 < len(part.ca) < len(truth)
    assert part.after.max() < len(part.ca)
    bonded = part.after >= 0
    assert np.array_equal(part.before[part.after[bonded]], np.flatnonzero(bonded))
