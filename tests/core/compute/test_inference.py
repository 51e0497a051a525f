from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor, nn

from cryotools.core.compute import inference
from cryotools.core.compute.inference import apply_in_one_piece, apply_network, run_boxes
from cryotools.core.compute.regions import Blocks, Box, everywhere
from cryotools.core.compute.runner import Compute, Runner
from cryotools.core.compute.wrappers import Tiling, Wrapper
from cryotools.core.errors import DataError
from cryotools.core.progress import Progress

CPU = Compute(device="cpu", precision="fp32")


class Blur(nn.Module):
    """Three box averages of 3 voxels, which have a closed form; the second output is twice the first."""

    halo, multiple = 4, 2

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv3d(1, 1, 3, padding=1, bias=False) for _ in range(3))
        for layer in self.layers:
            layer.weight = nn.Parameter(torch.full((1, 1, 3, 3, 3), 1 / 27))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return torch.cat([x, 2 * x], dim=1)


def closed_form(volume: np.ndarray) -> np.ndarray:
    """What `Blur` gives of a volume (1, nz, ny, nx) beyond which lie zeros."""
    exact = np.pad(volume[0].astype(np.float64), 4)
    for _ in range(3):
        exact = uniform_filter(exact, 3, mode="constant")
    return np.stack([exact, 2 * exact])[:, 4:-4, 4:-4, 4:-4]


class Hungry(Wrapper):
    """Runs out of memory on tiles that are longer than `most` voxels along any axis."""

    def __init__(self, inner: nn.Module, most: int) -> None:
        super().__init__(inner)
        self.most, self.refused = most, 0

    def forward(self, tiles: Tensor) -> Tensor:
        if max(tiles.shape[2:]) > self.most:
            self.refused += 1
            raise torch.OutOfMemoryError("out of memory")
        return self.network(tiles)


class Recorded(Wrapper):
    """Keeps the shapes of the tiles that it sees."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__(inner)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, tiles: Tensor) -> Tensor:
        self.seen.append(tuple(tiles.shape[2:]))
        return self.network(tiles)


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).random((1, 34, 39, 21), dtype=np.float32)


def test_the_whole_map_a_mask_and_blocks_give_the_closed_form_where_it_is_asked_for(volume):
    exact = closed_form(volume)
    assert np.allclose(apply_network(Blur(), volume, compute=CPU), exact, atol=1e-6)
    mask = np.zeros(volume.shape[1:], dtype=bool)
    mask[5:9, 30:34, 2:4] = mask[20, 12, 15] = True
    found = apply_network(Blur(), volume, mask, compute=CPU)
    assert np.allclose(found[:, mask], exact[:, mask], atol=1e-6)
    assert not found[:, ~mask].any()
    blocks = Blocks(np.random.default_rng(1).random((17, 20, 11)) < 0.02, 2, volume.shape[1:])
    asked = blocks.mask.repeat(2, 0).repeat(2, 1).repeat(2, 2)[:34, :39, :21]
    for channels in (volume, source_of(volume)):
        found = apply_network(Blur(), channels, blocks, compute=CPU)
        assert np.allclose(found[:, asked], exact[:, asked], atol=1e-6)


def test_where_nothing_is_wanted_all_outputs_are_zero(volume):
    nowhere = np.zeros(volume.shape[1:], dtype=bool)
    for where in (nowhere, Blocks(nowhere[::2, ::2, ::2], 2, nowhere.shape)):
        found = apply_network(Blur(), volume, where, compute=CPU)
        assert found.shape == (2, *volume.shape[1:])
        assert not found.any()


def test_a_source_needs_blocks(volume):
    for where in (None, np.ones(volume.shape[1:], dtype=bool)):
        with pytest.raises(TypeError, match="blocks"):
            apply_network(Blur(), source_of(volume), where, compute=CPU)


def test_in_one_piece_zeros_fill_the_map_up_to_the_multiple(volume):
    found = apply_in_one_piece(Blur(), volume, CPU)
    assert found.shape == (2, *volume.shape[1:])
    inner = (slice(None), *(slice(4, -4),) * 3)
    assert np.allclose(found[inner], closed_form(volume)[inner], atol=1e-6)
    recorded = Recorded(Blur())
    apply_in_one_piece(recorded, volume, CPU)
    assert recorded.seen == [(34, 40, 22)]


def test_the_result_under_a_mask_does_not_depend_on_the_tiles(monkeypatch):
    monkeypatch.setattr(inference, "_LEAST_CORE", 8)
    density = np.random.default_rng(0).random((1, 60, 34, 80), dtype=np.float32)
    where = np.ones(density.shape[1:], dtype=bool)
    counts = []
    for largest in (96, 48, 24):
        network = Recorded(Blur())
        network.network.tiling = Tiling(largest=largest, beyond=4)
        assert np.allclose(apply_network(network, density, where, compute=CPU), closed_form(density), atol=1e-6)
        assert max(max(shape) for shape in network.seen) <= largest
        counts.append(len(network.seen))
    assert counts[0] == 1 < counts[1] < counts[2]


def test_tiles_shrink_where_memory_runs_out(monkeypatch):
    monkeypatch.setattr(inference, "_LEAST_CORE", 8)
    density = np.random.default_rng(0).random((1, 30, 60, 60), dtype=np.float32)
    where = np.ones(density.shape[1:], dtype=bool)
    inner = Blur()
    inner.tiling = Tiling(largest=80, beyond=4)
    hungry = Hungry(inner, 44)
    assert np.allclose(apply_network(hungry, density, where, compute=CPU), closed_form(density), atol=1e-6)
    assert hungry.refused == 1  # at 68 voxels; at 40 there is room
    with pytest.raises(DataError, match="tiles of 16 voxels do not fit into the memory of cpu"):
        apply_network(Hungry(inner, 12), density, where, compute=CPU)


def test_tiles_are_small_where_little_memory_is_free(monkeypatch):
    density = np.random.default_rng(0).random((1, 8, 8, 150), dtype=np.float32)
    longest = []
    for free in (10**12, 10**8):
        monkeypatch.setattr(inference, "available_bytes", lambda free=free: free)
        network = Recorded(Blur())
        apply_network(network, density, density[0] > 0, compute=CPU)
        longest.append(max(max(shape) for shape in network.seen))
    assert longest[0] > 150 > 2 * 4 + 64 >= longest[1]


def test_progress_counts_the_tiles_that_are_computed(volume):
    class Counting(Progress):
        def start(self, total: int, unit: str) -> None:
            self.total, self.done = total, 0

        def advance(self, amount: int = 1) -> None:
            self.done += amount

    blocks = everywhere(volume.shape[1:], 2)
    for where in (None, volume[0] > 0.5, blocks):
        progress = Counting()
        apply_network(Blur(), volume, where, compute=CPU, progress=progress)
        assert progress.done == progress.total >= 1


def source_of(volume: np.ndarray):
    """Parts of channels (c, nz, ny, nx), zeros beyond them."""

    def part(box: Box) -> np.ndarray:
        channels = np.zeros((len(volume), *box.shape), dtype=np.float32)
        inside = box.inside(volume.shape[1:])
        if min(inside.shape):
            channels[(slice(None), *inside.slices(of=box.start))] = volume[(slice(None), *inside.slices())]
        return channels

    return part


@pytest.mark.parametrize("largest", [1, 4000, 10**6])
def test_boxes_of_any_size_give_the_closed_form_where_it_is_asked_for(largest, monkeypatch):
    monkeypatch.setattr(inference, "_LARGEST_BOX", largest)
    volume = np.random.default_rng(0).random((1, 34, 39, 21), dtype=np.float32)
    exact = closed_form(volume)
    mask = np.random.default_rng(1).random((9, 10, 6)) < 0.05
    blocks = Blocks(mask, 4, volume.shape[1:])
    result = run_boxes(Runner(Blur(), CPU), source_of(volume), blocks, halo=4)
    asked = mask.repeat(4, 0).repeat(4, 1).repeat(4, 2)[:34, :39, :21]
    assert np.allclose(result[:, asked], exact[:, asked], atol=1e-6)


def test_what_no_box_holds_is_zero():
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[0, 0, 0] = True
    volume = np.ones((1, 24, 24, 24), dtype=np.float32)
    result = run_boxes(Runner(Blur(), CPU), source_of(volume), Blocks(mask, 4, (24, 24, 24)), halo=4)
    assert result[0, :4, :4, :4].all()
    assert not result[:, 4:].any()


@pytest.mark.slow
def test_boxes_become_smaller_where_the_memory_is_short(monkeypatch):
    volume = np.random.default_rng(0).random((1, 64, 64, 64), dtype=np.float32)
    whole = run_boxes(Runner(Blur(), CPU), source_of(volume), everywhere((64, 64, 64), 4), halo=4)

    class Narrow(Blur):
        def forward(self, x: Tensor) -> Tensor:
            if x.numel() > 70_000:
                raise MemoryError
            return super().forward(x)

    monkeypatch.setattr(inference, "_LEAST_BOX", 1000)
    small = run_boxes(Runner(Narrow(), CPU), source_of(volume), everywhere((64, 64, 64), 4), halo=4)
    assert np.abs(small - whole).max() < 1e-6


def test_a_box_that_never_fits_is_an_error():
    class Never(Blur):
        def forward(self, x: Tensor) -> Tensor:
            raise MemoryError

    with pytest.raises(DataError, match="use a machine with more memory"):
        run_boxes(Runner(Never(), CPU), source_of(np.ones((1, 8, 8, 8))), everywhere((8, 8, 8), 4), halo=4)


def test_halos_that_would_shift_the_pooling_grid_are_refused():
    with pytest.raises(ValueError, match="no whole number of blocks"):
        run_boxes(Runner(Blur(), CPU), source_of(np.ones((1, 8, 8, 8))), everywhere((8, 8, 8), 4), halo=3)
