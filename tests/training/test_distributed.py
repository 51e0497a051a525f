"""Two processes on the CPU, started as torchrun starts them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from two_processes import run_in_two

from cryotools.core.errors import DataError
from cryotools.training import distributed
from cryotools.training.schedule import Schedule

RUN = """
import os, signal, sys
from pathlib import Path
import torch
from torch import nn
from cryotools.core.errors import DataError
from cryotools.training import distributed, loop

folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
loop.draw_losses = lambda *_: None
CONFIG = loop.LoopConfig(steps=6, learning_rate=0.1, warmup=1, averaging=0.5, validate_every=3, save_every=3, seed=5)


class Line:
    def __init__(self, stop_at=None, fail=None):
        torch.manual_seed(rank)  # the first one's weights are to win
        network = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1))
        self.networks, self.stop_at, self.fail = {"line": network}, stop_at, fail
        self.optimizers = {"line": torch.optim.SGD(network.parameters())}
        self.drawn = []

    def batch(self, random, step):
        return (torch.from_numpy(random.standard_normal((16, 1), dtype="float32")),)

    def step(self, batch, step):
        (x,) = batch
        self.drawn.append(x)
        network = self.networks["line"].train()
        loss = ((network[1](x) - 2 * x - 1) ** 2).mean()
        network[0](x + rank)
        self.optimizers["line"].zero_grad()
        loss.backward()
        distributed.average_gradients(network)
        self.optimizers["line"].step()
        if step == self.stop_at and rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        if self.fail == "loss" and rank == 1 and step == 4:
            return {"loss": float("nan")}
        return {"loss": float(loss.detach())}

    def validate(self, averaged):
        with (folder / "validated").open("a") as stream:
            stream.write(str(rank))
        return {}

    def save(self, path, averaged):
        if self.fail == "save":
            raise DataError("disk full")

    def state(self):
        return {}

    def load_state(self, state):
        assert state == {}


def end(name, path, **options):
    task = Line(**options.pop("task", {}))
    try:
        loop.train(task, folder / path, CONFIG, **options)
        code = 0
    except SystemExit as leaving:
        code = leaving.code
    except DataError as error:
        code = str(error)
    results[name] = {"code": code, "state": task.networks["line"].state_dict(), "drawn": task.drawn}


results = {}
with distributed.joined(torch.device("cpu")):
    end("whole", "whole")
    end("stopped", "parts", task={"stop_at": 1})
    end("resumed", "parts", resume=True)
    end("loss", "loss", task={"fail": "loss"})
    end("save", "save", task={"fail": "save"})
torch.save(results, folder / f"rank{rank}.pt")
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder of the runs, and each process's results by run."""
    folder = tmp_path_factory.mktemp("two")
    run_in_two(RUN, folder)
    return folder, [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.slow
def test_both_end_with_the_same_weights_and_statistics(two):
    _, (first, second) = two
    assert (first["whole"]["code"], second["whole"]["code"]) == (0, 0)
    assert same(first["whole"]["state"], second["whole"]["state"])


@pytest.mark.slow
def test_two_processes_are_one_with_the_batches_of_both(two):
    """The mean of the gradients is the gradient of one batch that holds the cubes of both."""
    _, (first, second) = two
    torch.manual_seed(0)
    line = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1))[1]
    optimizer = torch.optim.SGD(line.parameters())
    for step in range(6):
        parts = [random_of(step, rank) for rank in range(2)]
        assert torch.equal(first["whole"]["drawn"][step], parts[0])
        assert torch.equal(second["whole"]["drawn"][step], parts[1])
        assert not torch.equal(*parts)
        x = torch.cat(parts)
        optimizer.param_groups[0]["lr"] = Schedule(6, peak=0.1, warmup=1).rate(step)
        optimizer.zero_grad()
        ((line(x) - 2 * x - 1) ** 2).mean().backward()
        optimizer.step()
    for name, tensor in line.state_dict().items():
        assert torch.allclose(first["whole"]["state"][f"1.{name}"], tensor, atol=1e-6)


def random_of(step: int, rank: int) -> torch.Tensor:
    key = [5, step, rank] if rank else [5, step]
    return torch.from_numpy(np.random.default_rng(key).standard_normal((16, 1), dtype=np.float32))


@pytest.mark.slow
def test_the_first_process_alone_validates_and_one_set_of_files_is_written(two):
    folder, _ = two
    assert set((folder / "validated").read_text()) == {"0"}
    names = sorted(path.name for path in (folder / "whole").iterdir())
    assert names == ["config.json", "metrics.csv", "state.pt"]
    assert [line.split(",")[0] for line in (folder / "whole/metrics.csv").read_text().splitlines()] == [
        "step",
        "3",
        "6",
    ]


@pytest.mark.slow
def test_statistics_are_the_mean_over_the_processes(two):
    _, (first, second) = two
    seen = np.array(
        [[float(x.mean()) + rank for x in results["whole"]["drawn"]] for rank, results in enumerate(two[1])]
    )
    running = 0.0
    for mean in seen.mean(axis=0):
        running = 0.9 * running + 0.1 * mean
    assert float(first["whole"]["state"]["0.running_mean"]) == pytest.approx(running, abs=1e-6)
    assert float(second["whole"]["state"]["0.running_mean"]) == pytest.approx(running, abs=1e-6)


@pytest.mark.slow
def test_a_signal_to_one_stops_both_and_resuming_repeats_the_run_bit_for_bit(two):
    _, results = two
    for of in results:
        assert of["stopped"]["code"] == 143
        assert len(of["stopped"]["drawn"]) == 2
        assert same(of["resumed"]["state"], results[0]["resumed"]["state"])
        weights = {key: value for key, value in of["whole"]["state"].items() if key.startswith("1.")}
        assert same(weights, of["resumed"]["state"])


@pytest.mark.slow
def test_what_goes_wrong_in_one_stops_both(two):
    _, (first, second) = two
    assert "a loss is not finite" in first["loss"]["code"]
    assert "a loss is not finite" in second["loss"]["code"]
    assert "disk full" in first["save"]["code"]
    assert second["save"]["code"] == 1


def test_a_lone_process_is_left_as_it_is(monkeypatch):
    for name in ("WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    network = nn.Linear(2, 1)
    network(torch.ones(1, 2)).sum().backward()
    gradient = network.weight.grad.clone()
    with distributed.joined(torch.device("cpu")):
        distributed.average_gradients(network)
        assert torch.equal(network.weight.grad, gradient)
        assert distributed.mean([0.1, float("inf")]) == [0.1, float("inf")]
        assert distributed.is_first()
        assert distributed.local_device("cuda") == "cuda"


def test_each_process_takes_its_own_gpu(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert distributed.local_device("cuda") == "cuda:3"
    assert distributed.local_device("cuda:1") == "cuda:1"
    assert distributed.local_device("cpu") == "cpu"


def test_half_a_torchrun_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataError, match="start them with torchrun"), distributed.joined(torch.device("cpu")):
        pass
