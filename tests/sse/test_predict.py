from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sse_network import at_random, by_density

from cryotools.core.compute import inference
from cryotools.core.compute.checkpoint import load_network, save_network
from cryotools.core.compute.runner import Compute
from cryotools.core.compute.wrappers import Tiling
from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.resample import grid_at_spacing, interpolate, resample
from cryotools.core.maps.volume import Volume
from cryotools.nn.conditions import resolution_conditions
from cryotools.sse.network import HARUSPEX, SECONDARY_STRUCTURE, Classifier, Haruspex, HaruspexConfig
from cryotools.sse.predict import Annotator, annotate, classify
from cryotools.sse.truth.assign import HELIX, OTHER, SHEET

REAL = Path(__file__).parents[1] / "data" / "emd_3488_crop.mrc.gz"
CPU = Compute(device="cpu", precision="fp32")
pytestmark = pytest.mark.filterwarnings("ignore:no helix, sheet")


@pytest.fixture(scope="module")
def crop() -> Volume:
    return read_map(REAL)


@pytest.fixture(scope="module")
def simple(tmp_path_factory) -> Path:
    return by_density(tmp_path_factory.mktemp("weights") / "simple.safetensors")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> Path:
    return at_random(tmp_path_factory.mktemp("weights") / "random.safetensors")


def test_classes_follow_the_prepared_density(crop, simple):
    found = annotate(crop, weights=simple, compute=CPU)
    assert found.probabilities.shape == (4, *crop.data.shape)
    assert found.probabilities.dtype == np.float32
    assert np.allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)
    assert found.labels.dtype == np.uint8
    height = interpolate(prepare_map(crop).volume, crop.grid).data
    assert np.mean(found.labels[height < 0.4] == OTHER) > 0.98
    assert np.mean(found.labels[(height > 0.7) & (height < 1.7)] == HELIX) > 0.98
    assert np.mean(found.labels[height > 2.4] == SHEET) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("voxel_size", [0.7, 1.0, 1.9])
def test_the_grid_of_the_map_is_kept(crop, simple, voxel_size):
    grid = grid_at_spacing(crop.grid, voxel_size)
    resampled = resample(crop, grid)
    found = annotate(resampled, weights=simple, compute=CPU)
    assert found.volume.same_grid_as(grid)
    assert found.probabilities.shape == (4, *grid.shape)
    there = interpolate(crop.with_data(annotate(crop, weights=simple, compute=CPU).probabilities[HELIX]), grid).data

    def agreement(steps: int, axis: int) -> float:
        inner = (slice(1, -1),) * 3
        return np.corrcoef(np.roll(found.probabilities[HELIX], steps, axis)[inner].ravel(), there[inner].ravel())[0, 1]

    in_place = agreement(0, 0)
    assert in_place > 0.8
    for axis in range(3):  # half a voxel off, one of the two neighbours would agree as well
        assert in_place > max(agreement(1, axis), agreement(-1, axis)) + 0.03


@pytest.mark.slow
def test_scale_and_offset_of_the_values_do_not_matter(crop, untrained):
    one = annotate(crop, 3.2, weights=untrained, compute=CPU)
    other = annotate(crop.with_data(250 * crop.data - 7), 3.2, weights=untrained, compute=CPU)
    assert np.abs(one.probabilities - other.probabilities).max() < 1e-3


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_tiles(crop, untrained, monkeypatch):
    network, _, _ = load_network(untrained, [SECONDARY_STRUCTURE])
    classifier = Classifier(network, torch.from_numpy(resolution_conditions(3.2)))
    density = np.zeros((90, 60, 130), dtype=np.float32)
    density[20:64, 8:52, 10:54] = density[30:74, 5:49, 75:119] = prepare_map(crop).volume.data[:44, :44, :44]
    results, counts = [], []
    original = inference.run_tiles

    def counting(runner, plan, channels, starts):
        counts.append([-(-n // core) for n, core in zip(plan.shape, plan.core, strict=True)])
        return original(runner, plan, channels, starts)

    monkeypatch.setattr(inference, "run_tiles", counting)
    monkeypatch.setattr(inference, "_LEAST_CORE", 16)
    for largest in (208, 80, 64):
        network.tiling = Tiling(largest)
        results.append(classify(classifier, density, CPU))
    assert counts[0] == [1, 1, 1]
    assert sum(n > 1 for n in counts[1]) >= 2
    assert sum(b > a for a, b in zip(counts[1], counts[2], strict=True)) >= 2
    assert np.abs(results[1] - results[0]).max() < 1e-5
    assert np.abs(results[2] - results[0]).max() < 1e-5


def test_tiles_of_haruspex_stay_small(crop, monkeypatch):
    network, seen = Haruspex(HaruspexConfig()), []

    def recorded(runner, plan, channels, starts):
        seen.extend(max(plan.extent(start)[1]) for start in starts)
        return ((start, torch.zeros(4, *plan.extent(start)[1])) for start in starts)

    monkeypatch.setattr(inference, "run_tiles", recorded)
    classify(network, np.tile(prepare_map(crop).volume.data, (3, 4, 5)), CPU)
    assert len(seen) > 8
    assert max(seen) <= 104


@pytest.mark.slow
def test_solvent_is_other_and_costs_nothing(crop, untrained, monkeypatch):
    prepared = prepare_map(crop).volume.data
    wide = 0.02 * np.random.default_rng(0).normal(size=(120, 150, 130)).astype(np.float32)
    wide[30:74, 60:104, 40:84] = prepared[:44, :44, :44]
    computed = []
    original = inference.run_tiles

    def counting(runner, plan, channels, starts):
        computed.append(sum(np.prod(plan.extent(start)[1]) for start in starts))
        return original(runner, plan, channels, starts)

    monkeypatch.setattr(inference, "run_tiles", counting)
    found = annotate(Volume(wide, (1.0, 1.0, 1.0)), 3.2, weights=untrained, compute=CPU)
    assert computed[0] < 0.5 * wide.size
    assert np.all(found.probabilities[OTHER, :, :30] == 1)
    assert np.all(found.probabilities[1:, :, :30] == 0)
    assert (found.probabilities[OTHER, 40:64, 70:94, 50:74] < 1).all()


@pytest.mark.slow
def test_a_turn_and_back_changes_nothing_of_a_network_without_directions(crop, simple):
    part = crop.crop((8, 8, 8), (24, 26, 20))
    one, many = (annotate(part, weights=simple, compute=CPU, rotations=n).probabilities for n in (1, 24))
    assert np.abs(one - many).max() < 1e-5


@pytest.mark.slow
def test_haruspex_loses_no_border(crop, tmp_path):
    torch.manual_seed(0)
    save_network(tmp_path / "haruspex.safetensors", Haruspex(HaruspexConfig()), HARUSPEX, HaruspexConfig())
    part = crop.crop((16, 16, 16), (12, 13, 14))
    found = annotate(part, weights=tmp_path / "haruspex.safetensors", compute=CPU)
    assert found.probabilities.sum(axis=0) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_the_resolution_is_told_to_the_network(crop, tmp_path):
    path = at_random(tmp_path / "weights.safetensors")
    network, config, _ = load_network(path, [SECONDARY_STRUCTURE])
    for modulation in network.unet.modulate:
        torch.nn.init.normal_(modulation.layers[-1].weight)
    save_network(path, network, SECONDARY_STRUCTURE, config)
    known, unknown = (annotate(crop, told, weights=path, compute=CPU) for told in (5.0, None))
    assert known.resolution == 5.0
    assert unknown.resolution is None
    assert np.abs(known.probabilities - unknown.probabilities).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rotations": 3}, UsageError, "1, 4 or 24"),
        ({"resolution": -1.0}, UsageError, "positive"),
        ({"weights": "gone.safetensors"}, DataError, "no such file"),
        ({"compute": Compute("gpu")}, UsageError, "`device` gpu"),
        ({"compute": Compute("cuda:99")}, DataError, "`device` cuda:99"),
    ],
)
def test_what_makes_no_sense_is_refused(crop, simple, options, error, words):
    with pytest.raises(error, match=words):
        annotate(crop, **{"weights": simple, **options})


def test_what_is_wrong_for_every_map_is_told_before_any(simple):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Annotator(simple)  # that there is no GPU is told when the network runs
    for wrong in ({"rotations": 2}, {"bias": np.nan}, {"compute": Compute("gpu")}, {"compute": Compute("cpu", "fp16")}):
        with pytest.raises(UsageError):
            Annotator(simple, **wrong)


def test_an_inverted_map_is_told(crop, simple):
    with pytest.warns(CryotoolsWarning, match="`invert=True`"):
        annotate(crop.with_data(-crop.data), weights=simple, compute=CPU)


def test_a_flat_map_is_refused_and_a_thin_one(simple):
    for data, words in ((np.ones((20, 20, 20)), "constant"), (np.eye(20)[None].repeat(3, axis=0), "thin|measures")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(DataError, match=words):
                annotate(Volume(data.astype(np.float32), (1.0, 1.0, 1.0)), weights=simple)


@pytest.mark.slow
def test_rewritten_weights_are_the_ones_used(crop, tmp_path):
    weights = by_density(tmp_path / "net.safetensors")
    before = annotate(crop, weights=weights, compute=CPU).probabilities
    at_random(weights)
    after = annotate(crop, weights=weights, compute=CPU).probabilities
    fresh = annotate(crop, weights=at_random(tmp_path / "same.safetensors"), compute=CPU).probabilities
    assert np.array_equal(after, fresh)
    assert np.abs(after - before).max() > 0.1
