from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cryotools.core.compute import runner as runner_module
from cryotools.core.compute.runner import Compute, InputTooLargeError, Runner, run_tiled, run_tiles
from cryotools.core.compute.tiles import plan_few_tiles
from cryotools.core.errors import CryotoolsWarning, DataError

CPU = Compute(device="cpu", precision="fp32", batch=3)


class Blur(nn.Module):
    """An analytic network: `layers` box averages of 3 voxels, whose receptive field is `layers` voxels a side."""

    def __init__(self, layers: int = 3) -> None:
        super().__init__()
        kernel = torch.full((1, 1, 3, 3, 3), 1 / 27)
        self.layers = nn.ModuleList(nn.Conv3d(1, 1, 3, padding=1, bias=False) for _ in range(layers))
        for layer in self.layers:
            layer.weight = nn.Parameter(kernel.clone())

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Pooling(nn.Module):
    """A network with inner down-sampling by 2, a bias and a nonlinearity, as a U-Net has."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.inner = nn.Conv3d(2, 4, 3, padding=1), nn.Conv3d(4, 4, 3, padding=1)
        self.last = nn.Conv3d(8, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        top = torch.relu(self.first(x))
        low = torch.relu(self.inner(nn.functional.max_pool3d(top, 2)))
        return self.last(
            torch.cat([top, low.repeat_interleave(2, 2).repeat_interleave(2, 3).repeat_interleave(2, 4)], 1)
        )


@pytest.mark.parametrize("core", [5, 8, 16])
def test_tiled_blur_equals_the_closed_form(core):
    volume = np.random.default_rng(0).random((1, 14, 19, 11), dtype=np.float32)
    tiled = run_tiled(Runner(Blur(), CPU), volume, halo=3, core=core)
    from scipy.ndimage import uniform_filter

    padded = np.pad(volume[0].astype(np.float64), 3)
    for _ in range(3):
        padded = uniform_filter(padded, 3, mode="constant")
    assert np.allclose(tiled[0], padded[3:-3, 3:-3, 3:-3], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(9, 10, 11), (33, 20, 26), (4, 40, 7)])
def test_tiled_equals_whole_for_a_network_that_pools(shape):
    volume = np.random.default_rng(1).standard_normal((2, *shape), dtype=np.float32)
    volume[:, :, :, shape[2] // 2 :] = 0
    runner = Runner(Pooling(), CPU)
    whole = run_tiled(runner, volume, halo=6, core=64, multiple=2)
    for core in (6, 13):
        assert np.abs(run_tiled(runner, volume, halo=6, core=core, multiple=2) - whole).max() < 1e-5


def test_a_halo_below_the_receptive_field_shows_seams():
    volume = np.random.default_rng(2).random((1, 16, 16, 16), dtype=np.float32)
    runner = Runner(Blur(), CPU)
    exact, seams = (run_tiled(runner, volume, halo=halo, core=8) for halo in (3, 1))
    assert np.abs(exact - seams).max() > 1e-2


def test_tiles_of_zeros_are_computed_once():
    seen = []

    class Counting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.extend(x)
            return x + 1

    volume = np.zeros((1, 32, 32, 32), dtype=np.float32)
    volume[0, 2, 2, 2] = 5.0
    result = run_tiled(Runner(Counting(), CPU), volume, halo=0, core=8)
    assert len(seen) == 2
    assert np.array_equal(result, volume + 1)


def test_after_is_applied_to_every_tile():
    volume = np.random.default_rng(3).random((2, 9, 9, 9), dtype=np.float32)
    runner = Runner(nn.Identity(), CPU)
    result = run_tiled(runner, volume, halo=0, core=4, after=lambda t: torch.softmax(t, 0))
    assert np.allclose(result.sum(axis=0), 1)


def test_images_come_back_in_order_whatever_the_batch():
    images = [torch.full((1, 6, 6), float(i)) for i in range(11)]
    outputs = list(Runner(nn.Identity(), CPU).run(images))
    assert [float(o[0, 0, 0]) for o in outputs] == list(range(11))


class Hungry(nn.Module):
    """Runs out of memory above a number of inputs."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.sizes = most, []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return x * 2


def test_the_batch_is_halved_when_memory_runs_out_and_stays_small():
    network = Hungry(2)
    outputs = list(Runner(network, Compute("cpu", "fp32", batch=8)).run([torch.tensor([float(i)]) for i in range(20)]))
    assert [float(o) for o in outputs] == [2.0 * i for i in range(20)]
    assert network.sizes[:2] == [8, 4]
    assert max(network.sizes[2:]) == 2


def test_an_input_that_never_fits_is_one_clear_error():
    with pytest.raises(InputTooLargeError, match="smaller tile"):
        list(Runner(Hungry(0), CPU).run([torch.zeros(1, 4, 4, 4)]))


class Overflowing(nn.Module):
    """Infinite below float32, as half precision is when a sum exceeds 65504."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 0 if torch.is_autocast_enabled("cpu") else x


@pytest.mark.usefixtures("cpu_takes_bf16")
def test_an_overflow_is_computed_again_in_float32():
    with pytest.warns(CryotoolsWarning, match="float32"):
        (output,) = Runner(Overflowing(), Compute("cpu", "bf16")).run([torch.ones(3)])
    assert torch.equal(output, torch.ones(3))


def test_numbers_that_stay_infinite_are_an_error():
    with pytest.raises(DataError, match="not finite"):
        list(Runner(nn.Identity(), CPU).run([torch.tensor([float("nan")])]))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(9, 10, 11), (33, 20, 26)])
def test_few_tiles_give_what_one_tile_gives(shape):
    volume = np.random.default_rng(4).standard_normal((2, *shape), dtype=np.float32)
    runner = Runner(Pooling(), CPU)
    results = []
    for largest in (64, 24, 16):
        plan = plan_few_tiles(shape, halo=6, largest=largest, multiple=2, beyond=2)
        results.append(np.full((3, *shape), np.nan, dtype=np.float32))
        for start, tile in run_tiles(runner, plan, volume, plan.starts()):
            plan.paste(results[-1], tile.numpy(), start)
    assert np.abs(results[1] - results[0]).max() < 1e-5
    assert np.abs(results[2] - results[0]).max() < 1e-5


def test_only_the_tiles_asked_for_are_computed():
    plan = plan_few_tiles((32, 32, 32), halo=0, largest=8)
    outputs = dict(run_tiles(Runner(nn.Identity(), CPU), plan, np.ones((1, 32, 32, 32), np.float32), [(8, 0, 24)]))
    assert list(outputs) == [(8, 0, 24)]


class Moody(nn.Module):
    """Batch statistics and dropout of its own, one part of it fixed by its owner."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fixed, self.drop = nn.BatchNorm3d(1), nn.BatchNorm3d(1), nn.Dropout(0.5)
        self.fixed.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.fixed(self.norm(x)))


def test_a_network_in_training_is_evaluated_and_left_as_it_was():
    network = Moody()
    assert network.training
    before = {key: value.clone() for key, value in network.state_dict().items()}
    inputs = [torch.rand(1, 4, 4, 4) for _ in range(5)]
    outputs = list(Runner(network, CPU).run(inputs))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(inputs, outputs, strict=True))
    assert [part.training for part in (network, network.norm, network.fixed, network.drop)] == [True, True, False, True]
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_failure_leaves_the_network_in_training_too():
    network = Hungry(0)
    with pytest.raises(InputTooLargeError):
        list(Runner(network, CPU).run([torch.zeros(1, 4, 4, 4)]))
    assert network.training


def test_another_device_gets_a_copy(monkeypatch):
    monkeypatch.setattr(runner_module, "resolve_device", lambda name: torch.device("meta"))
    monkeypatch.setattr(runner_module, "_DEFAULT_BATCH", {"meta": 1})
    network = Pooling()
    weights = {key: value.clone() for key, value in network.state_dict().items()}
    assert {value.device.type for value in Runner(network).network.state_dict().values()} == {"meta"}
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in weights.items())


def test_a_network_that_is_there_already_is_not_copied():
    network = Pooling()
    assert Runner(network, CPU).network is network


def test_results_are_float32_s_unless_less_is_asked_for():
    assert Compute().precision == "fp32"
    assert Runner(Blur(), Compute("cpu")).precision == torch.float32
