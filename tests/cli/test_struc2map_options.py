"""Noise, half maps and sharpness as `cryotools struc2map` offers them."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import mrcfile
import numpy as np
import pytest

from cryotools.core.maps.mapfile import read_map
from cryotools.metrics.fsc import fourier_shell_correlation

NAMES = ["out.mrc", "out_half1.mrc", "out_half2.mrc"]
COARSE = ["--method", "molmap", "--res", 6, "--apix", 2]


@pytest.fixture
def make(run, trypsin, tmp_path, monkeypatch):
    """Run struc2map on trypsin, in an empty folder, at 6 Å on voxels of 2 Å."""
    monkeypatch.chdir(tmp_path)

    def _make(*options, output="out.mrc"):
        return run("struc2map", trypsin, output, *COARSE, *options)

    return _make


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "gan", "--weights", "electron"], "add --method molmap or --method pdb2mrc"),
        (["--sample", 2], "add --method vae-gan"),
        (["--network", "x.safetensors"], "molmap uses none"),
        (["--precision", "bf16"], "molmap computes in float32"),
    ],
)
def test_options_of_another_method_are_refused(make, tmp_path, options, words):
    result = make(*options)
    assert result.code == 2
    assert words in result.err
    assert not names(tmp_path)


def test_a_network_of_another_kind_is_refused(make, tmp_path):
    (tmp_path / "mine.safetensors").write_bytes(b"no network")
    result = make("--method", "gan", "--network", "mine.safetensors")
    assert result.code == 1
    assert "mine.safetensors: is damaged or not a safetensors file" in result.err
    assert names(tmp_path) == ["mine.safetensors"]


def labels(path) -> str:
    with mrcfile.open(path, header_only=True) as file:
        return " ".join(bytes(text).decode().strip("\x00 ") for text in file.header.label[: int(file.header.nlabl)])


def test_half_maps_lie_beside_the_map_which_is_their_mean(make, run, tmp_path):
    result = make("--half-maps", "--json", "-q")
    assert json.loads(result.out)["half_maps"] == NAMES[1:]
    assert names(tmp_path) == NAMES
    mean, first, second = (read_map(name) for name in NAMES)
    assert mean.same_grid_as(first)
    assert mean.same_grid_as(second)
    assert np.allclose(mean.data, (first.data + second.data) / 2)
    found = fourier_shell_correlation(first.data, second.data, first.voxel_size).resolution_at(0.143)
    assert found == pytest.approx(6, rel=0.02)
    scores = json.loads(run("compare-maps", *NAMES[1:], "--json").out)
    assert scores["fsc_0.143_A"] == pytest.approx(found)


def test_noise_auto_is_that_of_half_maps_without_writing_them(make, tmp_path):
    make("--half-maps", "--seed", 4, "-q")
    assert make("--noise", "auto", "--seed", 4, "-q", output="alone.mrc").code == 0
    assert names(tmp_path) == ["alone.mrc", *NAMES]
    assert np.array_equal(read_map("alone.mrc").data, read_map("out.mrc").data)


def test_compressed_half_maps_keep_their_suffix(make, tmp_path):
    assert make("--half-maps", "-q", output="out.map.gz").code == 0
    assert names(tmp_path) == ["out.map.gz", "out_half1.map.gz", "out_half2.map.gz"]


def test_existing_half_maps_are_left_alone_on_request(make, tmp_path):
    (tmp_path / NAMES[1]).write_text("mine")
    result = make("--half-maps", "--no-clobber")
    assert (result.code, result.out) == (0, "")
    assert f"{NAMES[1]}: exists and is kept" in result.err
    assert (tmp_path / NAMES[1]).read_text() == "mine"
    assert names(tmp_path) == NAMES
    assert make("--half-maps", "-q").code == 0
    assert read_map(NAMES[1]).data.any()


@pytest.mark.parametrize("option", ["--like", "--match"])
def test_no_half_map_replaces_an_input(make, tmp_path, option):
    make("-q", output=NAMES[2])
    before = (tmp_path / NAMES[2]).read_bytes()
    result = run_refused(make("--half-maps", option, NAMES[2]))
    assert "is also the input" in result
    assert (tmp_path / NAMES[2]).read_bytes() == before
    assert names(tmp_path) == [NAMES[2]]


def test_a_failure_leaves_no_half_maps(make, tmp_path, monkeypatch):
    import cryotools.cli.mapresult as mapresult
    from cryotools.core.errors import DataError

    def full_disk(path, *rest, **named):
        if path == NAMES[0]:
            raise DataError("no space left")
        return write(path, *rest, **named)

    write = mapresult.write_map
    monkeypatch.setattr(mapresult, "write_map", full_disk)
    assert make("--half-maps").code == 1
    assert names(tmp_path) == []


def run_refused(result, code=2) -> str:
    assert result.code == code, result.err
    assert result.out == ""
    *_, last = result.err.splitlines()
    assert last.startswith("cryotools struc2map: error: ")
    return last


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--noise", "loud"], "--noise loud: give a number, or auto"),
        (["--noise", "-1"], "--noise -1.0: give 0 or a positive number"),
        (["--noise", "nan"], "--noise nan: give 0 or a positive number"),
        (["--noise", "0.1", "--half-maps"], "leave out --noise"),
        (["--half-maps", "--res", "3"], "half maps at 3 A need voxels smaller than 1.5 A"),
        (["--sharpen", "501"], "--sharpen 501: give a number from -500 to 500 A^2"),
        (["--sharpen", "nan"], "--sharpen nan: give a number"),
        (["--sharpen", "145"], "it must be below 144 A^2"),
        (["--sharpen", "10", "--match", "map.mrc"], "leave out --sharpen"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_make_no_sense_are_refused(make, tmp_path, options, words):
    assert words in run_refused(make(*options))
    assert names(tmp_path) == []


def test_half_maps_need_a_name_to_build_theirs_on(make):
    assert "half maps are named after the output" in run_refused(make("--half-maps", output="/dev/null"))


def test_a_map_that_does_not_overlay_the_model_cannot_be_matched(make, run, trypsin, tmp_path):
    run("struc2map", trypsin, "moved.mrc", *COARSE, "--center", "-q")
    assert "the density at its atoms is no higher than" in run_refused(make("--match", "moved.mrc"), code=1)
    assert names(tmp_path) == ["moved.mrc"]


@pytest.mark.parametrize("method", ["molmap", "pdb2mrc"])
def test_a_maps_sharpness_is_matched(make, method):
    assert make("--sharpen", -80, "--half-maps", "-q", output="target.mrc").code == 0
    figures = json.loads(make("--match", "target.mrc", "--method", method, "--json", "-q").out)
    assert figures["sharpness_A2"] == pytest.approx(-80, abs=8)  # coarse voxels and noise
    again = json.loads(make("--sharpen", figures["sharpness_A2"], "--method", method, "--json", "-q").out)
    assert again["maximum"] == pytest.approx(figures["maximum"], rel=1e-5)


def test_the_summary_tells_sharpness_and_half_maps(make):
    lines = make("--sharpen", 30, "--half-maps").err.splitlines()
    assert lines[-2:] == ["half maps: out_half1.mrc, out_half2.mrc", "sharpness: 30 A^2 relative to molmap"]


def test_the_header_tells_sharpness_and_noise(make):
    make("-q", "--bfactor")
    assert labels("out.mrc").endswith("--bfactor")
    make("-q", "--sharpen", -12.5, "--half-maps", "--seed", 7)
    assert all(labels(name).endswith("--sharpen -12.5 --noise auto --seed 7") for name in NAMES)
    make("-q", "--noise", 0.2, "--match", "out.mrc", output="matched.mrc")
    assert labels("matched.mrc").endswith("(of out.mrc) --noise 0.2 --seed 0")
    assert "--sharpen -" in labels("matched.mrc")


def test_the_generator_is_told_the_sharpness(make, monkeypatch):
    seen = []

    def generate(structure, grid, condition, device, progress, network):
        seen.append(condition)
        return np.ones(grid.shape, np.float32)

    monkeypatch.setitem(sys.modules, "cryotools.simulate.learned.predict", SimpleNamespace(generate=generate))
    for options in ([], ["--sharpen", 150], ["--sharpen", 0, "--bfactor"]):
        assert make("--method", "gan", "-q", *options).code == 0
    assert [(c.resolution, c.b_factors, c.sharpness) for c in seen] == [(6, False, None), (6, False, 150), (6, True, 0)]
