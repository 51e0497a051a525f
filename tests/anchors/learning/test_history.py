"""Confidence from a run's history: its definition, an error that it knows better, and the snapshots of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from residue_examples import small_example

from cryotools.anchors.learning.domains import SIM
from cryotools.anchors.learning.history import averaged_confidence, compare_confidences, list_snapshots
from cryotools.anchors.learning.types import TypeTask, TypeTraining, type_logits
from cryotools.anchors.network import RESIDUE_TYPE, ResidueTypeConfig
from cryotools.core.compute.checkpoint import load_network
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import DataError
from cryotools.metrics.detection import risk_coverage
from cryotools.training import loop
from cryotools.training.loop import LoopConfig, train

CPU = Compute("cpu")


def test_confidence_is_the_mean_of_what_all_states_think_of_the_last_ones_class() -> None:
    probability = np.array([[[0.5, 0.5], [0.9, 0.1]], [[0.2, 0.8], [0.6, 0.4]], [[0.1, 0.9], [0.3, 0.7]]])
    classes, confidence = averaged_confidence(np.log(probability))
    assert classes.tolist() == [1, 1]
    assert np.allclose(confidence, [(0.5 + 0.8 + 0.9) / 3, (0.1 + 0.4 + 0.7) / 3])
    alone = averaged_confidence(np.log(probability[-1:]))[1]
    assert np.allclose(alone, [0.9, 0.7])
    flatter = averaged_confidence(np.log(probability), temperature=3.0)[1]
    assert (np.abs(flatter - 0.5) < np.abs(confidence - 0.5)).all()


def test_what_is_learned_late_by_heart_is_less_sure() -> None:
    """Early states separate what is right from what is wrong; the last one is sure of everything."""
    random = np.random.default_rng(0)
    right = random.random(500) < 0.7
    early = np.stack([np.where(right, 2.0, -1.0) + random.normal(0, 0.5, 500), np.zeros(500)], axis=1)
    last = np.stack([6.0 + random.normal(0, 0.5, 500), np.zeros(500)], axis=1)
    history = averaged_confidence(np.stack([early, early, last]))[1]
    softmax = averaged_confidence(last[None])[1]
    assert risk_coverage(history, right).area() < 0.5 * risk_coverage(softmax, right).area()


@pytest.mark.learning
def test_a_run_keeps_snapshots_to_compare(trypsin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "draw_losses", lambda *_: None)
    torch.manual_seed(0)
    example = small_example(trypsin)
    task = TypeTask({SIM: (1.0, [[example]])}, [], TypeTraining(ResidueTypeConfig(width=4), maps=1, residues=8))
    train(task, tmp_path, LoopConfig(steps=5, averaging=0.5, snapshots=3))
    snapshots = list_snapshots(tmp_path)
    assert [path.parent.name for path in snapshots] == ["0000002", "0000004", "0000005"]
    networks = [load_network(path, [RESIDUE_TYPE])[0] for path in [*snapshots, tmp_path / "model.safetensors"]]
    first, second, last, shipped = (type_logits(network, example, CPU)[0] for network in networks)
    assert not np.allclose(first, second)
    assert np.array_equal(last, shipped)
    found = compare_confidences(snapshots, example, CPU)
    for curve in (found.softmax, found.history):
        assert curve.coverage[-1] == 1
        assert curve.risk[-1] == pytest.approx(found.softmax.risk[-1])  # the same classes in another order


def test_a_run_without_snapshots_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no snapshots"):
        list_snapshots(tmp_path)
