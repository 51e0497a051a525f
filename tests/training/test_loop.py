from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from cryotools.core.compute.checkpoint import load_state, save_state
from cryotools.core.errors import DataError, UsageError
from cryotools.training import loop, runstate
from cryotools.training.loop import LoopConfig, snapshot_steps, train
from cryotools.training.plot import draw_losses, read_metrics
from cryotools.training.schedule import Schedule
from cryotools.training.step import update

CONFIG = LoopConfig(steps=40, learning_rate=0.05, warmup=4, averaging=0.9, validate_every=10, save_every=10, seed=3)


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch):
    """Pictures take longer than these runs; one test draws one."""
    monkeypatch.setattr(loop, "draw_losses", lambda *_: None)


class Line:
    """Fit y = 2 x + 1 from noisy points: a task whose answer is known."""

    def __init__(self, at_step=None) -> None:
        torch.manual_seed(0)
        self.networks = {"line": nn.Linear(1, 1)}
        self.optimizers = {"line": torch.optim.Adam(self.networks["line"].parameters())}
        self.at_step = at_step or (lambda step: None)
        self.best = -1.0

    def batch(self, random: np.random.Generator, step: int) -> tuple[torch.Tensor, ...]:
        return (torch.from_numpy(random.standard_normal((16, 1), dtype=np.float32)),)

    def step(self, batch: tuple[torch.Tensor, ...], step: int) -> dict[str, float]:
        (x,) = batch
        y = 2 * x + 1 + 0.01 * torch.randn(16, 1)  # torch's own random numbers must repeat as well
        loss = ((self.networks["line"](x) - y) ** 2).mean()
        self.optimizers["line"].zero_grad()
        loss.backward()
        self.optimizers["line"].step()
        return {"loss": self.at_step(step) or float(loss.detach())}

    def validate(self, averaged: dict[str, nn.Module]) -> dict[str, float]:
        slope = float(averaged["line"].weight.detach())
        self.best = max(self.best, slope)
        return {"slope": slope, "best": self.best}

    def save(self, folder, averaged: dict[str, nn.Module]) -> None:
        (folder / "saved").write_text(str(float(averaged["line"].weight.detach())))

    def state(self) -> dict[str, float]:
        return {"best": self.best}

    def load_state(self, state) -> None:
        self.best = state["best"]


def weights(task: Line) -> list[float]:
    return [float(p.detach()) for p in task.networks["line"].parameters()]


def rows(folder) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


@pytest.mark.parametrize(
    ("steps", "count", "expected"), [(100, 3, {40, 70, 100}), (3, 5, {1, 2, 3}), (50, 2, {20, 50})]
)
def test_snapshots_are_spread_over_the_end_of_a_run(steps, count, expected):
    assert snapshot_steps(LoopConfig(steps=steps, snapshots=count)) == expected
    assert snapshot_steps(LoopConfig(steps=steps)) == set()
    with pytest.raises(UsageError, match="give at least 2"):
        snapshot_steps(LoopConfig(snapshots=1))


@pytest.mark.learning
def test_snapshots_are_the_networks_of_their_steps_also_when_resumed(tmp_path):
    config = replace(CONFIG, snapshots=3)
    train(Line(), tmp_path / "whole", config)
    with pytest.raises(DataError, match="not finite"):
        train(Line(lambda step: float("nan") if step == 30 else None), tmp_path / "parts", config)
    train(Line(), tmp_path / "parts", config, resume=True)
    whole, parts = (
        {path.parent.name: path.read_text() for path in run.glob("snapshots/*/saved")}
        for run in (tmp_path / "whole", tmp_path / "parts")
    )
    assert sorted(whole) == ["0000016", "0000028", "0000040"]
    assert whole == parts
    assert len(set(whole.values())) == 3
    assert whole["0000040"] == (tmp_path / "whole/saved").read_text()


@pytest.mark.learning
def test_a_task_is_trained_to_its_answer(tmp_path):
    task = Line()
    config = LoopConfig(steps=400, learning_rate=0.05, warmup=4, averaging=0.9, validate_every=100)
    last = train(task, tmp_path, config, about={"arch": "line"})
    assert last["step"] == 400
    assert last["slope"] == pytest.approx(2, abs=0.02)
    assert json.loads((tmp_path / "config.json").read_text())["arch"] == "line"
    assert weights(task) == pytest.approx([2, 1], abs=0.02)
    assert [row["step"] for row in rows(tmp_path)] == ["100", "200", "300", "400"]
    assert float(rows(tmp_path)[-1]["slope"]) == pytest.approx(2, abs=0.02)
    assert (tmp_path / "saved").exists()


@pytest.mark.slow
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
    lines = [[{**row, "seconds": ""} for row in rows(tmp_path / name)] for name in ("whole", "parts")]
    assert lines[0] == lines[1]
    assert resumed.best == whole.best


def test_the_time_of_a_run_goes_on_when_it_is_resumed(tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 7))
    monkeypatch.setattr(runstate.time, "monotonic", lambda: next(clock))
    with pytest.raises(DataError):
        train(Line(lambda step: float("nan") if step == 25 else None), tmp_path, CONFIG)
    train(Line(), tmp_path, CONFIG, resume=True)
    seconds = [float(row["seconds"]) for row in rows(tmp_path)]
    assert seconds == sorted(set(seconds))


def test_a_state_of_another_version_is_refused_in_one_line(tmp_path):
    train(Line(), tmp_path, CONFIG)
    state = load_state(tmp_path / "state.pt")
    del state["task"]
    save_state(tmp_path / "state.pt", state)
    with pytest.raises(DataError, match="another network or version"):
        train(Line(), tmp_path, CONFIG, resume=True)


def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(tmp_path):
    with pytest.raises(DataError, match="step 25: a loss is not finite"):
        train(Line(lambda step: float("nan") if step == 25 else None), tmp_path, CONFIG)
    task = Line()
    train(task, tmp_path, CONFIG, resume=True)
    assert [row["step"] for row in rows(tmp_path)] == ["10", "20", "30", "40"]


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    task = Line()

    def overflow(step: int) -> None:
        if step == 19:  # after the loss was found finite, just before the checkpoint of step 20
            task.networks["line"].weight.data.fill_(float("nan"))

    task.at_step = overflow
    with pytest.raises(DataError, match="step 20: weights of the line are not finite; the last checkpoint in"):
        train(task, tmp_path, CONFIG)
    assert load_state(tmp_path / "state.pt")["step"] == 10
    with pytest.raises(DataError, match="has no checkpoint yet"):
        train(Line(lambda step: float("inf")), tmp_path / "new", CONFIG)


def test_resuming_needs_a_run_of_the_same_config_and_network(tmp_path):
    with pytest.raises(DataError, match="nothing to resume"):
        train(Line(), tmp_path, CONFIG, resume=True)
    about = {"arch": "line", "made": {"width": 1}}
    train(Line(), tmp_path, CONFIG, about=about)
    with pytest.raises(UsageError, match="different seed;"):
        train(Line(), tmp_path, LoopConfig(**{**vars(CONFIG), "seed": 4}), about=about, resume=True)
    with pytest.raises(UsageError, match=r"a different arch, made\.width;"):
        train(Line(), tmp_path, CONFIG, about={"arch": "curve", "made": {"width": 2}}, resume=True)
    other = Line()
    other.networks = {"line": nn.Linear(2, 1)}
    with pytest.raises(DataError, match="a run of another network"):
        train(other, tmp_path, CONFIG, about=about, resume=True)


@pytest.mark.parametrize("done", [20, 17], ids=["finished", "stopped"])
def test_a_resumed_run_may_get_more_steps(tmp_path, done):
    def stop(step: int) -> None:
        if done < 20 and step + 1 == done:
            os.kill(os.getpid(), signal.SIGTERM)

    rates: list[float] = []

    def note_rate(step: int) -> None:
        rates.append(task.optimizers["line"].param_groups[0]["lr"])

    short = replace(CONFIG, steps=20)
    try:
        train(Line(stop), tmp_path, short)
    except SystemExit:
        assert done < 20
    task = Line(note_rate)
    last = train(task, tmp_path, CONFIG, resume=True)
    schedule = Schedule(CONFIG.steps, CONFIG.learning_rate, CONFIG.warmup)
    assert rates == [schedule.rate(step) for step in range(done, 40)]
    assert last["step"] == 40
    assert [row["step"] for row in rows(tmp_path)] == ["10", "20", "30", "40"]
    assert json.loads((tmp_path / "config.json").read_text())["steps"] == 40
    with pytest.raises(UsageError, match="`steps` 20: give 40, as the run was started with, or more"):
        train(Line(), tmp_path, short, resume=True)
    with pytest.raises(UsageError, match="started with a different seed;"):
        train(Line(), tmp_path, replace(CONFIG, steps=60, seed=4), resume=True)


def test_a_run_is_not_overwritten_by_a_new_one(tmp_path):
    train(Line(), tmp_path, CONFIG)
    with pytest.raises(UsageError, match="contains a training run; continue it with `resume=True`"):
        train(Line(), tmp_path, CONFIG)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be used as the run's folder"):
        train(Line(), tmp_path / "file", CONFIG)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["state.pt", "saved", "metrics.csv", "config.json"])
def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(tmp_path, monkeypatch, file):
    full = []
    real = Path.replace

    def replace(self, target):
        if full and Path(target).name == file:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)

    def fill(step: int) -> None:
        if step == 27:
            full.append(step)

    class Task(Line):
        def save(self, folder, averaged):
            loop.write_text(folder / "saved", str(float(averaged["line"].weight.detach())))

    if file == "config.json":
        full.append(0)
    with pytest.raises(DataError, match=f"{file}: cannot be written: No space left on device"):
        train(Task(fill), tmp_path, CONFIG)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith("tmp")]
    full.clear()
    if file == "config.json":
        return
    assert load_state(tmp_path / "state.pt")["step"] == 20
    whole, resumed = Task(), Task()
    train(whole, tmp_path / "whole", CONFIG)
    train(resumed, tmp_path, CONFIG, resume=True)
    assert weights(resumed) == weights(whole)
    assert [row["step"] for row in rows(tmp_path)] == ["10", "20", "30", "40"]


KILLED = """
import os, signal, sys
from pathlib import Path
from typing import ClassVar
sys.path.insert(0, {tests!r})
import importlib.util
spec = importlib.util.spec_from_file_location("loop_tests", {file!r})
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
from cryotools.core.files import output
sync = output._sync
def die(path):
    sync(path)
    if "state.pt" in path.name and (path.parent / "state.pt").exists():
        os.kill(os.getpid(), signal.SIGKILL)  # the second checkpoint is written, not yet in its place
output._sync = die
tests.loop.draw_losses = lambda *_: None
tests.train(tests.Line(), Path(sys.argv[1]), tests.CONFIG)
"""


@pytest.mark.slow
def test_a_run_killed_while_it_writes_goes_on_from_the_checkpoint_before(tmp_path):
    script = KILLED.format(tests=str(Path(__file__).parent), file=__file__)
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "run")], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert [path for path in (tmp_path / "run").iterdir() if path.name.endswith("tmp")]
    assert load_state(tmp_path / "run/state.pt")["step"] == 10
    whole, resumed = Line(), Line()
    train(whole, tmp_path / "whole", CONFIG)
    train(resumed, tmp_path / "run", CONFIG, resume=True)
    assert weights(resumed) == weights(whole)
    assert [row["step"] for row in rows(tmp_path / "run")] == ["10", "20", "30", "40"]
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.endswith("tmp")]


@pytest.mark.usefixtures("cpu_takes_bf16")
def test_steps_run_in_the_precision_asked_for_and_weights_stay_in_float32(tmp_path):
    seen = set()

    class Task(Line):
        def step(self, batch, step):
            seen.add(self.networks["line"](torch.ones(1, 1)).dtype)
            return super().step(batch, step)

        def validate(self, averaged):
            seen.add(averaged["line"](torch.ones(1, 1)).dtype)
            return {}

    for name, expected in (("fp32", {torch.float32}), ("bf16", {torch.bfloat16, torch.float32})):
        task = Task()
        train(task, tmp_path / name, LoopConfig(steps=2, warmup=1, precision=name))
        assert seen == expected
        assert all(p.dtype == torch.float32 for p in task.networks["line"].parameters())
        seen.clear()
    with pytest.raises(UsageError, match="fp16"):
        train(Task(), tmp_path / "fp16", LoopConfig(steps=2, precision="fp16"))


def test_a_batch_that_does_not_fit_is_one_line(tmp_path):
    def full(step: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    with pytest.raises(DataError, match="step 0: out of memory; use a smaller `batch`"):
        train(Line(full), tmp_path, CONFIG)


@pytest.mark.slow
def test_the_curves_are_drawn_from_the_metrics(tmp_path):
    text = "step,loss,held_out_pearson,accuracy,seconds\n10,0.5,0.6,0.7,1\n20,0.25,0.7,0.8,2\n"
    (tmp_path / "metrics.csv").write_text(text)
    metrics = read_metrics(tmp_path / "metrics.csv")
    assert metrics["loss"] == [0.5, 0.25]
    draw_losses(tmp_path / "losses.png", metrics)
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "metrics.csv").write_text("step,loss\n10\n")
    with pytest.raises(DataError, match="is not a table of a training run"):
        read_metrics(tmp_path / "metrics.csv")


def test_a_group_of_an_optimizer_has_its_own_share_of_the_learning_rate(tmp_path):
    class Scaled(Line):
        def __init__(self):
            super().__init__()
            line = self.networks["line"]
            groups = [{"params": [line.weight]}, {"params": [line.bias], "lr_scale": 0.25}]
            self.optimizers = {"line": torch.optim.SGD(groups)}
            self.rates = []

        def step(self, batch, step):
            self.rates.append([group["lr"] for group in self.optimizers["line"].param_groups])
            return super().step(batch, step)

    task = Scaled()
    train(task, tmp_path, CONFIG)
    schedule = Schedule(CONFIG.steps, CONFIG.learning_rate, CONFIG.warmup)
    expected = [schedule.rate(step) for step in range(40)]
    assert task.rates == [[rate, rate / 4] for rate in expected]


class Poses(Line):
    """A line beside a table that is learned, but must not be averaged."""

    averaging: ClassVar = {"line": 0.5, "poses": None}

    def __init__(self, at_step=None):
        super().__init__(at_step)
        self.networks["poses"] = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
        self.optimizers["poses"] = torch.optim.SGD(self.networks["poses"].parameters())
        self.judged = []

    def step(self, batch, step):
        poses = self.networks["poses"]
        assert poses.training
        update(poses, self.optimizers["poses"], ((poses[0](batch[0]) - 3) ** 2).mean(), clip=None)
        return super().step(batch, step)

    def validate(self, averaged):
        assert averaged["poses"] is self.networks["poses"]
        assert not averaged["poses"].training
        self.judged.append([float(averaged["line"].weight), float(self.networks["line"].weight.detach())])
        return super().validate(averaged)


def test_a_task_says_which_of_its_networks_are_averaged(tmp_path):
    task = Poses()
    train(task, tmp_path / "whole", CONFIG)
    assert all(mean != now for mean, now in task.judged)
    state = load_state(tmp_path / "whole/state.pt")
    assert set(state["averaged"]) == {"line"}
    with pytest.raises(SystemExit):
        train(Poses(lambda step: os.kill(os.getpid(), signal.SIGTERM) if step == 7 else None), tmp_path / "p", CONFIG)
    resumed = Poses()
    train(resumed, tmp_path / "p", CONFIG, resume=True)
    for name, network in task.networks.items():
        assert all(
            torch.equal(a, b) for a, b in zip(network.parameters(), resumed.networks[name].parameters(), strict=True)
        )
    assert resumed.judged == task.judged


def test_a_task_with_epochs_is_trained_and_validated_by_them(tmp_path):
    class Epochs(Line):
        steps_per_epoch = 5

    config = LoopConfig(epochs=6, learning_rate=0.05, warmup=4, validate_every=2, save_every=4, seed=3)
    last = train(Epochs(), tmp_path / "run", config)
    assert (last["step"], last["epoch"]) == (30, 6)
    assert [(row["step"], row["epoch"]) for row in rows(tmp_path / "run")] == [("10", "2"), ("20", "4"), ("30", "6")]
    with pytest.raises(UsageError, match="has no epochs"):
        train(Line(), tmp_path / "other", config)


def test_a_batch_knows_its_step_so_that_an_epoch_can_show_everything_once(tmp_path):
    class Items(Line):
        def __init__(self):
            super().__init__()
            self.shown = []

        def batch(self, random, step):
            return (*super().batch(random, step), torch.tensor(step % 10))

        def step(self, batch, step):
            self.shown.append(int(batch[1]))
            return super().step(batch[:1], step)

    alone, helped = Items(), Items()
    train(alone, tmp_path / "alone", CONFIG)
    train(helped, tmp_path / "helped", CONFIG, workers=2)
    assert alone.shown == helped.shown == 4 * list(range(10))
    assert weights(alone) == weights(helped)


def test_a_resumed_run_with_workers_is_the_run_without(tmp_path):
    whole = Line()
    train(whole, tmp_path / "whole", CONFIG)
    with pytest.raises(SystemExit):
        train(
            Line(lambda step: os.kill(os.getpid(), signal.SIGTERM) if step == 17 else None),
            tmp_path / "p",
            CONFIG,
            workers=1,
        )
    resumed = Line()
    train(resumed, tmp_path / "p", CONFIG, resume=True, workers=2)
    assert weights(resumed) == weights(whole)


def test_a_worker_s_error_is_one_line_and_a_killed_worker_is_one(tmp_path):
    class Broken(Line):
        def __init__(self, fail):
            super().__init__()
            self.fail = fail

        def batch(self, random, step):
            if step == 3:
                self.fail()
            return super().batch(random, step)

    def damaged():
        raise DataError("example 7: is damaged")

    for workers in (0, 1):
        with pytest.raises(DataError, match=r"^example 7: is damaged$"):
            train(Broken(damaged), tmp_path / str(workers), CONFIG, workers=workers)
    with pytest.raises(DataError, match=r"a process that makes batches was killed.*fewer workers"):
        train(Broken(lambda: os.kill(os.getpid(), signal.SIGKILL)), tmp_path / "killed", CONFIG, workers=1)


def test_a_run_with_a_cooldown_ends_soon_after_it_has_converged(tmp_path):
    class Converging(Line):
        converged = False

        def validate(self, averaged):
            self.converged = self.n_validated >= 2
            self.n_validated += 1
            return super().validate(averaged)

    task = Converging()
    task.n_validated = 0
    config = LoopConfig(steps=100, validate_every=4, save_every=4, cooldown=0.25, warmup=1)
    last = train(task, tmp_path, config)
    assert last["step"] == 12 + 3
    for steps in (100, 200):  # it has come to its end, whatever is allowed
        resumed = Line()
        assert train(resumed, tmp_path, replace(config, steps=steps), resume=True) == last
        assert weights(resumed) == weights(task)
    task.n_validated = 0
    assert train(task, tmp_path / "without", replace(config, cooldown=None))["step"] == 100
