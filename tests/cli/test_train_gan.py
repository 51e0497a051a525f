"""`train-gan` end to end on two small maps: what it writes, prints and refuses."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from cryotools.core.compute.checkpoint import load_network, load_state
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.network import GENERATOR
from cryotools.training.pairs import Pair, save_pair

SMALL = ["--steps", 4, "--every", 2, "--width", 2, "--batch", 2, "--cube", 16, "--device", "cpu"]


@pytest.fixture(scope="module")
def data(trypsin, tmp_path_factory):
    """A training set of two maps of 150 atoms, of folds 0 and 1."""
    folder = tmp_path_factory.mktemp("set")
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER][:150]
    grid = grid_around(structure, 1.0, 2.0)
    density = molmap_density(structure, grid, MapOptions(4.0))
    weight = np.ones(grid.shape, dtype=np.float32)
    pair = Pair("one", Volume.on(grid, density / density.max()), weight, structure, 4.0, "protease", 0)
    save_pair(folder / "one.npz", pair)
    save_pair(folder / "two.npz", replace(pair, id="two", fold=1))
    return folder


@pytest.mark.learning
@pytest.mark.parametrize("arch", ["unet", "unetpp"])
def test_a_run_leaves_its_files_and_prints_the_held_out_scores(run, data, tmp_path, arch):
    done = run("train-gan", data, tmp_path / "out", *SMALL, "--arch", arch, "--fold", 1)
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()] == ["pearson", "pearson_no_b", "pearson_sharpness"]
    assert "trained on 1 maps; scores are means over 1 held-out maps" in done.err
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "config.json",
        "held_out.csv",
        "losses.png",
        "metrics.csv",
        "model.safetensors",
        "state.pt",
    ]
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert (config["arch"], config["trained_on"], config["held_out"]) == (arch, ["one"], ["two"])
    _, generator, _ = load_network(tmp_path / "out/model.safetensors", [GENERATOR])
    assert (generator.body, generator.width, generator.levels) == (arch, 2, 2 if arch == "unet" else 4)
    rows = list(csv.DictReader((tmp_path / "out/metrics.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert float(done.out.split()[1]) == pytest.approx(float(rows[-1]["held_out_pearson"]), abs=1e-4)


@pytest.mark.learning
def test_resuming_goes_on_and_another_architecture_is_refused_in_one_line(run, data, tmp_path):
    out = tmp_path / "out"
    assert run("train-gan", data, out, *SMALL, "--quiet").code == 0
    again = run("train-gan", data, out, *SMALL)
    assert again.code == 2
    assert "contains a training run; continue it with --resume" in again.err
    other = run("train-gan", data, out, *SMALL, "--resume", "--arch", "unetpp")
    assert other.code == 2
    assert "error: " + str(out) + ": was started with a different arch, generator.levels, generator.body" in other.err
    assert other.err.count("\n") == 1
    done = run("train-gan", data, out, *SMALL, "--resume", "--json", "--quiet")
    result = json.loads(done.out)
    assert (done.code, result["step"], result["arch"], result["n_held_out"]) == (0, 4, "unet", 1)
    assert 0 < result["held_out_pearson"] <= 1


@pytest.mark.slow
def test_a_set_without_a_fold_to_hold_out_says_what_to_do(run, data, tmp_path):
    one = tmp_path / "set"
    one.mkdir()
    (one / "one.npz").write_bytes((data / "one.npz").read_bytes())
    lone = run("train-gan", one, tmp_path / "out", *SMALL)
    assert lone.code == 1
    assert "all maps (1) belong to fold 0, which is held out, so none is left to train on" in lone.err
    absent = run("train-gan", data, tmp_path / "out", *SMALL, "--fold", 3)
    assert absent.code == 1
    assert "no map belongs to fold 3, the one to hold out (the folds are 0, 1)" in absent.err
    assert not (tmp_path / "out").exists()
    done = run("train-gan", one, tmp_path / "out", *SMALL, "--fold", "none", "--adversarial", 0)
    assert (done.code, done.out) == (0, "")
    assert "no scores, as no map was held out" in done.err
    assert "held_out" not in (tmp_path / "out/metrics.csv").read_text()


@pytest.mark.learning
def test_a_run_starts_from_trained_weights_of_its_own_kind_only(run, data, tmp_path):
    assert run("train-gan", data, tmp_path / "first", *SMALL, "--quiet").code == 0
    weights = tmp_path / "first/model.safetensors"
    still = [*SMALL, "--learning-rate", 0, "--adversarial", 0, "--init", weights]
    assert run("train-gan", data, tmp_path / "second", *still, "--quiet").code == 0
    before, after = (load_network(path, [GENERATOR])[0] for path in (weights, tmp_path / "second/model.safetensors"))
    assert all(
        np.array_equal(a.numpy(), b.numpy())
        for a, b in zip(
            (p.detach() for p in before.parameters()), (p.detach() for p in after.parameters()), strict=True
        )
    )
    other = run("train-gan", data, tmp_path / "third", *SMALL, "--arch", "unetpp", "--init", weights)
    assert other.code == 2
    assert "is a generator with body unet; give the same --arch, --width and --levels" in other.err
    (tmp_path / "x.safetensors").write_bytes(b"no weights")
    assert run("train-gan", data, tmp_path / "third", *SMALL, "--init", tmp_path / "x.safetensors").code == 1
    assert not (tmp_path / "third").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--fold", "x"], 2, "--fold x: give the number of a fold, or none"),
        (["--cube", 18, "--levels", 2], 2, "--cube 18: the levels of the network need a multiple of 4"),
        (["--cube", 8, "--batch", 1, "--levels", 3], 2, "--batch 1: the deepest level would have a single voxel"),
        (["--arch", "vgg"], 2, "--arch"),
        (["--device", "cuda:77"], 1, "--device cuda:77"),
        (["--precision", "fp16"], 2, "--precision"),
        (["--resume"], 1, "nothing to resume"),
        (["--init", "absent.safetensors"], 1, "absent.safetensors: no such file"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(run, data, tmp_path, options, code, message):
    done = run("train-gan", data, tmp_path / "out", *SMALL, *options)
    assert done.code == code
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_damaged_or_absent_set_is_one_line(run, tmp_path):
    absent = run("train-gan", tmp_path / "set", tmp_path / "out", *SMALL)
    assert (absent.code, "contains no curated pairs" in absent.err) == (1, True)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/x.npz").write_bytes(b"half a fi")
    damaged = run("train-gan", tmp_path / "set", tmp_path / "out", *SMALL)
    assert (damaged.code, "damaged or not a curated pair" in damaged.err) == (1, True)


@pytest.mark.learning
def test_a_state_cut_short_is_one_line(run, data, tmp_path):
    assert run("train-gan", data, tmp_path / "out", *SMALL, "--quiet").code == 0
    assert load_state(tmp_path / "out/state.pt")["step"] == 4
    state = (tmp_path / "out/state.pt").read_bytes()
    (tmp_path / "out/state.pt").write_bytes(state[: len(state) // 2])
    done = run("train-gan", data, tmp_path / "out", *SMALL, "--resume")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "state.pt: is damaged or not a training state" in done.err
