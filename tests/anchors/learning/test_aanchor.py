"""Training the published network: which cubes it sees, how they are labelled, and a run that resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from residue_examples import same_states, small_example, small_pair, states_of_runs

from cryotools.anchors.aanchor import AANCHOR, AANCHOR_RADIUS, AAnchor, AAnchorConfig
from cryotools.anchors.labels import UNKNOWN
from cryotools.anchors.learning.aanchor import (
    IGNORED,
    AAnchorTask,
    AAnchorTraining,
    draw_voxels,
    voxel_classes,
    voxel_logits,
)
from cryotools.anchors.learning.domains import SIM
from cryotools.anchors.learning.examples import ResidueExample
from cryotools.anchors.network import NONE
from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import DataError

SMALL = AAnchorTraining(AAnchorConfig(width=4), maps=2, residues=20)


@pytest.fixture(scope="module")
def example(trypsin: Path) -> ResidueExample:
    return small_example(trypsin)


def test_a_voxel_has_the_amino_acid_whose_centre_of_mass_is_near() -> None:
    mass = np.array([[4.0, 5.0, 6.0], [9.0, 9.0, 9.0], [6.4, 5.0, 6.0]], dtype=np.float32)
    fake = ResidueExample(
        density=np.zeros((12, 12, 12), np.float16),
        counts=np.ones((12, 12, 12), np.uint8),
        resolution=3.0,
        source="",
        ca=mass,
        mass=mass,
        amino=np.array([3, UNKNOWN, 7], dtype=np.uint8),
        **dict.fromkeys(("state", "before", "after", "path", "p", "c4", "c1"), np.zeros(0)),
    )
    voxels = np.array([[4, 5, 6], [4, 6, 7], [4, 7, 6], [5, 5, 6], [6, 5, 6], [9, 9, 8], [0, 0, 0]])
    assert voxel_classes(fake, voxels).tolist() == [3, 3, NONE, 3, 7, IGNORED, NONE]
    empty = replace(fake, mass=mass[:0], amino=fake.amino[:0])
    assert voxel_classes(empty, voxels[:2]).tolist() == [NONE, NONE]
    assert draw_voxels(empty, np.random.default_rng(0), 8) is None


def test_half_of_the_cubes_are_at_residues(example: ResidueExample) -> None:
    voxels = draw_voxels(example, np.random.default_rng(0), 400)
    assert voxels is not None
    apart = np.linalg.norm(voxels[:, None] - example.mass, axis=2).min(axis=1)
    assert apart[:200].max() < AANCHOR_RADIUS + 0.9
    assert 0.3 < np.mean(voxel_classes(example, voxels) != NONE) < 0.7
    assert (voxels >= 0).all()
    assert (voxels < example.density.shape[::-1]).all()


def test_batches_are_of_rotated_cubes_and_their_classes(example: ResidueExample) -> None:
    task = AAnchorTask({SIM: (1.0, [[example]])}, [], SMALL)
    seen, classes = task.batch(np.random.default_rng(0), 0)
    assert seen.shape == (40, 1, 11, 11, 11)
    assert seen.dtype == torch.float32
    assert classes.shape == (40,)
    residue = classes[(classes != NONE) & (classes != IGNORED)]
    assert set(residue.tolist()) <= set(example.amino.tolist())
    losses = task.step((seen, classes), 0)
    assert np.isfinite(losses["cross_entropy"])


def test_logits_are_those_of_cubes_in_any_order(example: ResidueExample) -> None:
    torch.manual_seed(0)
    network = AAnchor(SMALL.network).eval()
    voxels = np.rint(example.mass[:9]).astype(np.int64)
    found = voxel_logits(network, example, voxels)
    assert np.allclose(found[::-1], voxel_logits(network, example, voxels[::-1]), atol=1e-5)
    assert len(voxel_logits(network, example, voxels[:0])) == 0


def test_maps_without_residues_are_refused(example: ResidueExample) -> None:
    bare = replace(example, amino=np.full_like(example.amino, UNKNOWN))
    with pytest.raises(DataError, match="none has residues to train on"):
        AAnchorTask({SIM: (1.0, [[bare]])}, [], SMALL).batch(np.random.default_rng(0), 0)


@pytest.mark.learning
def test_a_run_resumes_bit_for_bit_and_leaves_a_calibrated_network(trypsin: Path, tmp_path: Path) -> None:
    pair, example = small_pair(trypsin), small_example(trypsin)
    whole, parts = states_of_runs(lambda: AAnchorTask({SIM: (1.0, [[example]])}, [pair], SMALL), tmp_path)
    assert same_states(whole, parts)
    network, config, about = load_network(tmp_path / "whole/model.safetensors", [AANCHOR])
    assert isinstance(network, AAnchor)
    assert config.temperature == whole["task"]["temperature"] != 1
    assert {"held_out_top1", "held_out_top3", "held_out_nats"} <= set(about)
