from __future__ import annotations

import csv
import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

from cryotools.core.errors import DataError, UsageError
from cryotools.training.loop import LoopConfig, learning_rate, train

CONFIG = LoopConfig(steps=40, learning_rate=0.05, warmup=4, averaging=0.9, validate_every=10, save_every=10, seed=3)


class Line:
    """Fit y = 2 x + 1 from noisy points: a task whose answer is known."""

    def __init__(self, at_step=None) -> None:
        torch.manual_seed(0)
        self.networks = {"line": nn.Linear(1, 1)}
        self.optimizers = {"line": torch.optim.Adam(self.networks["line"].parameters())}
        self.at_step = at_step or (lambda step: None)

    def step(self, random: np.random.Generator, step: int) -> dict[str, float]:
        x = torch.from_numpy(random.standard_normal((16, 1), dtype=np.float32))
        y = 2 * x + 1 + 0.01 * torch.randn(16, 1)  # torch's own random numbers must repeat as well
        loss = ((self.networks["line"](x) - y) ** 2).mean()
        self.optimizers["line"].zero_grad()
        loss.backward()
        self.optimizers["line"].step()
        return {"loss": self.at_step(step) or float(loss.detach())}

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        return {"slope": float(averaged["line"].weight.detach())}

    def save(self, folder, averaged: dict[str, nn.Module]) -> None:
        (folder / "saved").write_text(str(float(averaged["line"].weight.detach())))


def weights(task: Line) -> list[float]:
    return [float(p.detach()) for p in task.networks["line"].parameters()]


def rows(folder) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


def test_a_task_is_trained_to_its_answer(tmp_path):
    task = Line()
    train(task, tmp_path, LoopConfig(steps=400, learning_rate=0.05, warmup=4, averaging=0.9, validate_every=100))
    assert weights(task) == pytest.approx([2, 1], abs=0.02)
    assert [row["step"] for row in rows(tmp_path)] == ["100", "200", "300", "400"]
    assert float(rows(tmp_path)[-1]["slope"]) == pytest.approx(2, abs=0.02)
    assert (tmp_path / "saved").exists()


def test_a_resumed_run_is_the_run_bit_for_bit(tmp_path):
    whole = Line()
    train(whole, tmp_path / "whole", CONFIG)

    def stop(step: int) -> None:
        if step == 17:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        train(Line(stop), tmp_path / "parts", CONFIG)
    assert ended.value.code == 143
    resumed = Line()
    train(resumed, tmp_path / "parts", CONFIG, resume=True)
    assert weights(resumed) == weights(whole)
    assert (tmp_path / "parts/saved").read_text() == (tmp_path / "whole/saved").read_text()
    slopes = [[row["slope"] for row in rows(tmp_path / name)] for name in ("whole", "parts")]
    assert slopes[0] == slopes[1]


def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(tmp_path):
    with pytest.raises(DataError, match="step 25: a loss is not finite"):
        train(Line(lambda step: float("nan") if step == 25 else None), tmp_path, CONFIG)
    task = Line()
    train(task, tmp_path, CONFIG, resume=True)
    assert [row["step"] for row in rows(tmp_path)] == ["10", "20", "30", "40"]


def test_resuming_needs_a_run_of_the_same_config_and_network(tmp_path):
    with pytest.raises(DataError, match="nothing to resume"):
        train(Line(), tmp_path, CONFIG, resume=True)
    train(Line(), tmp_path, CONFIG)
    with pytest.raises(UsageError, match="another seed"):
        train(Line(), tmp_path, LoopConfig(**{**vars(CONFIG), "seed": 4}), resume=True)
    other = Line()
    other.networks = {"line": nn.Linear(2, 1)}
    with pytest.raises(DataError, match="a run of another network"):
        train(other, tmp_path, CONFIG, resume=True)


def test_the_learning_rate_rises_then_falls_to_a_hundredth():
    config = LoopConfig(steps=1000, learning_rate=1.0, warmup=10)
    rates = [learning_rate(config, step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.1)
    assert np.argmax(rates) in (9, 10)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
