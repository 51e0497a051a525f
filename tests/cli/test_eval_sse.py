"""`cryotools eval-sse` as it is called; class maps come from files, so that no network is needed."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from broken_maps import map_bytes
from sse_network import at_random

from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.structures.structurefile import read_structure
from cryotools.sse.truth.assign import CLASS_NAMES, assign
from cryotools.sse.truth.labels import label_voxels

DATA = Path(__file__).parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"
HEADER = "id,map,model,resolution,family\n"


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """The folder of class maps a_helix.mrc … that say what the model says."""
    folder = tmp_path_factory.mktemp("truth")
    volume, structure = read_map(REAL), read_structure(MODEL)
    labels = label_voxels(volume, structure, assign(structure), conflicts="nearest")
    for which, name in enumerate(CLASS_NAMES):
        write_map(folder / f"a_{name}.mrc", volume.with_data((labels.classes == which) + np.float32(0)), label="test")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch, truth):
    shutil.copytree(truth, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_class_maps_of_one_map_are_scored(run, folder):
    result = run("eval-sse", REAL, MODEL, "--probabilities", "a", "--json", "--residues", "residues.csv")
    assert result.code == 0
    (scores,) = json.loads(result.out)["maps"]
    assert scores["recall"] > 0.9
    assert scores["q3"] > 0.9 > scores["q3_baseline"]
    assert scores["resolution_A"] is None
    assert f"Q3 {scores['q3']:.3f} ({scores['q3_baseline']:.3f})" in result.err
    rows = list(csv.DictReader((folder / "residues.csv").read_text().splitlines()))
    assert len(rows) >= scores["n_residues"] > 200


@pytest.mark.slow
def test_a_list_gives_a_line_per_map_then_means(run, folder):
    for name in ("helix", "sheet", "nucleotide"):
        shutil.copy(f"a_{name}.mrc", f"b_{'sheet' if name == 'helix' else 'helix' if name == 'sheet' else name}.mrc")
    (folder / "pairs.csv").write_text(f"{HEADER}a,{REAL},{MODEL},3.2,globin\nb,{REAL},{MODEL},,globin\n")
    result = run("eval-sse", "--list", "pairs.csv", "--probabilities", "{id}", "--csv", "-")
    assert result.code == 0, result.err
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert [row["id"] for row in rows[:3]] == ["a", "b", "mean"]
    assert rows[1]["resolution_A"] == ""
    assert float(rows[1]["recall"]) < 0.1 < float(rows[2]["recall"]) < float(rows[0]["recall"])
    assert "mean of 2 of 2 maps" in result.err
    found = json.loads(run("eval-sse", "--list", "pairs.csv", "--probabilities", "{id}", "--json", "-q").out)
    assert found["mean"]["q3"]["n"] == 2
    assert found["median"]["q3"]["low"] <= found["median"]["q3"]["value"]


@pytest.mark.slow
def test_a_broken_pair_is_said_and_the_rest_is_scored(run, folder):
    (folder / "pairs.csv").write_text(f"{HEADER}a,{REAL},{MODEL},3.2,globin\nb,gone.mrc,{MODEL},3,globin\n")
    result = run("eval-sse", "--list", "pairs.csv", "--probabilities", "{id}", "--csv", "scores.csv")
    assert result.code == 1
    assert "error: b: " in result.err
    rows = {row["id"]: row for row in csv.DictReader((folder / "scores.csv").read_text().splitlines())}
    assert float(rows["a"]["q3"]) > 0.9
    assert "gone.mrc" in rows["b"]["error"]


@pytest.mark.slow
def test_a_network_of_ones_own_is_scored(run, folder):
    at_random(Path("own.safetensors"))
    result = run("eval-sse", REAL, MODEL, "--res", 3.2, "--weights", "own.safetensors", "--csv", "-", "-d", "cpu")
    assert result.code == 0, result.err
    (row,) = csv.DictReader(io.StringIO(result.out))
    assert float(row["resolution_A"]) == 3.2
    assert 0 <= float(row["q3"]) <= 1


@pytest.mark.slow
def test_a_map_is_read_as_asked_for(run, folder):
    real = read_map(REAL)
    data = -real.data
    data[0, 0, 0] = np.nan
    (folder / "odd.mrc").write_bytes(map_bytes(data, origin=real.origin))
    options = ["--invert", "--replace-nan", 0, "--apix", real.voxel_size[0], "--probabilities", "a", "--json", "-q"]
    result = run("eval-sse", "odd.mrc", MODEL, *options)
    assert result.code == 0, result.err
    (found,), (plain,) = (
        json.loads(out)["maps"]
        for out in (result.out, run("eval-sse", REAL, MODEL, "--probabilities", "a", "--json", "-q").out)
    )
    assert found["q3"] == plain["q3"]
    assert found["n_dense"] == plain["n_dense"]


@pytest.mark.slow
def test_what_exists_is_left_alone_when_asked_for(run, folder):
    (folder / "scores.csv").write_text("mine")
    result = run("eval-sse", REAL, MODEL, "--probabilities", "a", "--csv", "scores.csv", "--no-clobber")
    assert result.code == 0
    assert "kept" in result.err
    assert (folder / "scores.csv").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give a map and its model"),
        ([REAL], 2, "give a map and its model"),
        ([REAL, MODEL, "--list", "pairs.csv"], 2, "give one or the other"),
        (["--list", "pairs.csv", "--res", 3], 2, "names the resolutions"),
        ([REAL, MODEL, "-r", 0], 2, "--res 0: give a positive number"),
        ([REAL, MODEL, "--csv", "new.csv", "--residues", "./new.csv"], 2, "name different files"),
        ([REAL, "-", "--assignment", "author"], 2, "give a file instead of -"),
        ([REAL, MODEL, "--probabilities", "a", "--assignment", "author"], 1, "contains no HELIX or SHEET records"),
        ([REAL, MODEL, "--weights", "own.safetensors", "--device", "cuda:99"], 1, "--device cuda:99"),
        (["--list", "pairs.csv", "--weights", "own.safetensors", "--device", "cuda:99"], 1, "--device cuda:99"),
        (["flat.mrc", MODEL, "--weights", "own.safetensors", "-d", "cpu"], 1, "error: flat.mrc: the map is constant"),
        ([REAL, MODEL, "--json", "--csv", "-"], 2, "give one"),
        ([REAL, MODEL, "--probabilities", "a", "--weights", "w"], 2, "leave out --weights"),
        ([REAL, MODEL, "--probabilities", "a", "--rotations", 2], 2, "leave out --rotations"),
        ([REAL, MODEL, "--probabilities", "a", "--lean", 1], 2, "leave out --bias"),
        ([REAL, MODEL, "--probabilities", "a", "--precision", "bf16"], 2, "leave out --precision"),
        ([REAL, MODEL, "--rotations", 3], 2, "give 1, 4 or 24"),
        (["--list", "pairs.csv", "--probabilities", "a"], 2, "put {id}"),
        (["--list", "gone.csv"], 1, "gone.csv"),
        ([REAL, MODEL, "--probabilities", "gone"], 1, "gone_helix.mrc: no such file"),
        ([REAL, MODEL, "--weights", "gone"], 1, "no such file"),
        (["gone.mrc", MODEL, "--probabilities", "a"], 1, "gone.mrc"),
        ([REAL, MODEL, "--probabilities", "a", "--csv", "nowhere/scores.csv"], 1, "does not exist"),
        (["--list", "pairs.csv", "--probabilities", "{id}", "--csv", "pairs.csv"], 2, "is also the input"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_line(run, folder, arguments, code, words):
    (folder / "pairs.csv").write_text(f"{HEADER}a,{REAL},{MODEL},3.2,globin\nb,{REAL},{MODEL},3.2,globin\n")
    at_random(folder / "own.safetensors", levels=1)
    real = read_map(REAL)
    write_map("flat.mrc", real.with_data(0 * real.data), label="test")
    before = sorted(folder.iterdir())
    result = run("eval-sse", *arguments)
    assert result.code == code, result.err
    assert words in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""
    assert sorted(folder.iterdir()) == before
