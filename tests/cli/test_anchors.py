"""`cryotools detect-anchors`, `eval-anchors` and `train-anchors` as they are called, with untrained networks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import gemmi
import numpy as np
import pytest
from anchor_networks import untrained

from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.write import pdb_text

DATA = Path(__file__).parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"


@pytest.fixture
def networks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    types, trace = untrained(tmp_path)
    return ("--weights", types, "--trace-weights", trace)


def test_anchors_are_written_as_a_structure_with_a_script_and_a_picture(run, networks):
    options = (
        "--res",
        3.2,
        "--confidence",
        0,
        "--structure",
        MODEL,
        "--preview",
        "out.png",
        "--json",
        "--check",
        "c.csv",
    )
    done = run("detect-anchors", REAL, "out.pdb", *options, *networks)
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert figures["outputs"] == ["c.csv", "out.png", "out.pdb", "out.cxc"]
    checked = list(csv.DictReader(Path("c.csv").read_text().splitlines()))
    assert len(checked) == figures["n_in_model"]
    assert sum(figures["verdicts"].values()) == len(checked)
    assert figures["n_anchors"] == figures["n_residues"] > 0
    assert figures["n_in_model"] > 50
    assert 0 <= figures["recall"] <= 1
    read = gemmi.read_structure("out.pdb")
    assert sum(len(chain) for chain in read[0]) == figures["n_anchors"]
    assert "against the model" in done.err
    assert Path("out.png").stat().st_size > 10_000


def test_all_residues_are_written_with_all_that_is_known(run, networks):
    done = run("detect-anchors", REAL, "out.csv", "--all", *networks)
    assert done.code == 0, done.err
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert rows
    assert {"presence", "forward", "p_A", "p_Y", "mass_x_A"} <= set(rows[0])
    assert "confidence of 0.8" in done.err  # hardly any from an untrained network


def test_sequences_that_fit_nowhere_are_told_and_change_nothing(run, networks):
    Path("protein.fasta").write_text(">globin\nVLSPADKTNVKAAWGKVGAHAGEYGAEALERMFLSFPTTKTYFPHF\n")
    alone = run("detect-anchors", REAL, "alone.csv", "--all", *networks)
    done = run("detect-anchors", REAL, "out.csv", "--all", "--sequence", "protein.fasta", "--fit", "fit.csv", *networks)
    assert done.code == 0, done.err
    assert "0 residues fit the sequences" in done.err
    assert Path("out.csv").read_text() == Path("alone.csv").read_text()
    assert Path("fit.csv").read_text().startswith("path,first_residue")
    assert alone.code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((REAL, "out.pdb", "--fit", "out.fit"), 2, "--fit needs --sequence"),
        ((REAL, "out.pdb", "--check", "out.check"), 2, "--check needs --structure"),
        ((REAL, "out.pdb", "--sequence", MODEL), 1, "is not FASTA"),
        ((REAL, "out.txt"), 2, "out.txt: the name must end in .pdb, .cif or .csv"),
        ((REAL, "out.pdb", "--res", -3), 2, "--res -3: give a positive number"),
        ((REAL, "out.pdb", "--confidence", 3), 2, "--confidence"),
        ((REAL, "out.pdb", "--confidence", "nan"), 2, "'--confidence'"),
        ((REAL, "out.pdb", "--preview", "out.gif"), 2, ".png"),
        ((REAL, "out.pdb", "--structure", MODEL, "--check", "./out.pdb"), 2, "out.pdb: is the name of two outputs"),
        ((REAL, "gone/out.pdb"), 1, "does not exist"),
        ((REAL, "out.pdb", "--device", "cuda:99"), 1, "--device cuda:99"),
        ((REAL, "out.pdb", "-s", "far.pdb", "--fit", "out.fit", "--sequence", "one.fasta"), 1, "no amino acid"),
        (("flat.mrc", "out.pdb"), 1, "error: flat.mrc: the map is constant"),
        (("nowhere.mrc", "out.pdb"), 1, "nowhere.mrc: no such file"),
        ((REAL, "out.pdb", "--structure", "nowhere.pdb"), 1, "nowhere.pdb: no such file"),
        ((REAL, "out.pdb", "--weights", "nowhere"), 1, "nowhere: no such file"),
        ((REAL, "out.pdb", "--rotations", 3), 2, "--rotations 3: give 1, 4 or 24"),
    ],
)
def test_bad_input_is_said_in_one_line_and_leaves_no_file(run, networks, arguments, code, words):
    given = networks if "--weights" not in arguments else ()
    write_map("flat.mrc", Volume(np.zeros((24, 24, 24), dtype=np.float32), (1.0, 1.0, 1.0)), label="test")
    model = read_structure(MODEL)
    Path("far.pdb").write_text(pdb_text(model.with_xyz(model.xyz + 500)))
    Path("one.fasta").write_text(">one\nVLSPADKTNVKAAWGKVGAHAGEYG\n")
    done = run("detect-anchors", *arguments, *given, "--quiet")
    assert done.code == code, done.err
    assert words in done.err
    assert not list(Path().glob("out.*"))


def test_an_inverted_map_is_read_as_it_is_and_shown_as_it_is(run, networks):
    real = read_map(REAL)
    write_map("map.mrc", real.with_data(-real.data), label="test")
    options = ("--confidence", 0, "--apix", real.voxel_size[0], *networks)
    assert run("detect-anchors", REAL, "right.pdb", *options).code == 0
    done = run("detect-anchors", "map.mrc", "out.pdb", "--invert", *options)
    assert done.code == 0, done.err
    assert Path("out.pdb").read_text() == Path("right.pdb").read_text()
    right, inverted = (Path(name).read_text() for name in ("right.cxc", "out.cxc"))
    assert "level -" in inverted
    assert "level -" not in right
    assert "volume #1 voxelSize" in inverted


def test_a_coarse_map_is_told(run, networks):
    done = run("detect-anchors", REAL, "out.csv", "--res", 6, *networks)
    assert done.code == 0, done.err
    assert "at 6 A side chains cannot be told apart" in done.err


def test_existing_output_can_be_kept(run, networks):
    Path("out.csv").write_text("mine")
    assert run("detect-anchors", REAL, "out.csv", "--no-clobber", *networks).code == 0
    assert Path("out.csv").read_text() == "mine"


def test_pairs_are_scored_and_a_broken_one_does_not_stop_the_rest(run, networks):
    lines = [f"{name},{REAL},{model},3.2,globin" for name, model in (("one", MODEL), ("two", "nowhere.pdb"))]
    Path("pairs.csv").write_text("\n".join(["id,map,model,resolution,family", *lines, ""]))
    done = run("eval-anchors", "pairs.csv", "scores.csv", "--json", *networks)
    assert done.code == 1
    assert "two: nowhere.pdb: no such file" in done.err
    rows = list(csv.DictReader(Path("scores.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == ["one", "two", "mean", "mean_low", "mean_high"]
    assert float(rows[0]["true_majority"]) == pytest.approx(0.15, abs=0.1)
    assert np.isfinite(float(rows[0]["recall_3"]))
    assert rows[1]["error"]
    assert json.loads(done.out)["mean"]["recall_3"]["n"] == 1


def test_one_fold_is_scored_and_drawn(run, networks):
    lines = [f"{name},{REAL},{MODEL},3.2,globin,{fold}" for name, fold in (("one", 0), ("two", 3))]
    Path("pairs.csv").write_text("\n".join(["id,map,model,resolution,family,fold", *lines, ""]))
    Path("plots").mkdir()
    done = run("eval-anchors", "pairs.csv", "scores.csv", "--fold", 3, "--plots", "plots", *networks)
    assert done.code == 0, done.err
    (row,) = csv.DictReader(Path("scores.csv").read_text().splitlines())
    assert row["id"] == "two"
    assert float(row["found_majority"]) > 0
    assert sorted(path.name for path in Path("plots").iterdir()) == ["confidence.png", "confusion.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--fold", 2), 2, "--fold 2: pairs.csv has no map in it; its folds are 0"),
        (("--plots", "nowhere"), 1, "does not exist; create it first"),
    ],
)
def test_scores_that_cannot_be_made_are_refused_before_anything_is_read(run, networks, arguments, code, words):
    Path("pairs.csv").write_text(f"id,map,model,resolution,family,fold\none,{REAL},{MODEL},3.2,globin,0\n")
    done = run("eval-anchors", "pairs.csv", "scores.csv", *arguments, *networks)
    assert done.code == code
    assert words in done.err
    assert not Path("scores.csv").exists()


@pytest.fixture(scope="module")
def training_set(tmp_path_factory):
    from cryotools.cli.main import main

    folder = tmp_path_factory.mktemp("set")
    lines = [f"{fold},{REAL},{MODEL},3.2,globin,{fold}" for fold in (0, 1)]
    (folder / "pairs.csv").write_text("\n".join(["id,map,model,resolution,family,fold", *lines, ""]))
    assert main(["curate", str(folder / "pairs.csv"), str(folder / "set"), "--quiet"]) == 0
    return folder / "set"


@pytest.mark.learning
def test_a_training_without_experimental_maps_holds_all_of_them_out(run, training_set, trypsin, tmp_path):
    small = ("--steps", 2, "--width", 4, "--batch", 1, "--simulated", 1, "--structures", trypsin.parent, "--quiet")
    done = run("train-anchors", training_set, tmp_path / "run", *small, "--domains", "sim", "--fold", "none", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["arch"] == "residue-type"
    assert (found["n_trained_on"], found["n_held_out"]) == (0, 2)
    assert 0 <= found["held_out_top1"] <= 1
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["n_sim"] == 1
    assert "n_em" not in config
    assert (config["trained_on"], config["held_out"]) == ([], ["0", "1"])


@pytest.mark.learning
@pytest.mark.parametrize("options", [("--adapt", "paired"), ("--network", "aanchor", "--snapshots", 2)])
def test_adapted_and_published_networks_resume_only_as_they_began(run, training_set, tmp_path, options):
    small = ("--steps", 2, "--width", 4, "--batch", 1, "--versions", 1, "--quiet")
    done = run("train-anchors", training_set, tmp_path / "run", *small, *options, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["n_trained_on"], found["n_held_out"]) == (1, 1)
    assert ("adaptation" in found) == (options[0] == "--adapt")
    assert len(list((tmp_path / "run").glob("snapshots/*/model.safetensors"))) == (2 if "--snapshots" in options else 0)
    assert run("train-anchors", training_set, tmp_path / "run", *small, *options, "--resume").code == 0
    changed = run("train-anchors", training_set, tmp_path / "run", *small, "--resume")
    assert changed.code == 2
    assert "different" in changed.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--domains", "em,ice"), "--domains em,ice: ice is none of em, sim and xray"),
        (("--domains", "sim"), "--domains sim: sim needs --structures"),
        (("--domains", "xray"), "--domains xray: xray needs --crystals"),
        (("--crystals", "nowhere"), "nowhere: no such file or folder"),
        (("--structures", "nowhere"), "nowhere: no such file or folder"),
        (("--adapt", "mmd"), "--adapt mmd: needs experimental maps, and boxes of another domain"),
        (("--adapt", "mmd", "--network", "trace"), "--adapt mmd: only the network of types is adapted"),
        (("--adapt", "magic"), "--adapt"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(run, training_set, tmp_path, options, words):
    done = run("train-anchors", training_set, tmp_path / "run", "--steps", 2, "--width", 4, "--quiet", *options)
    assert done.code in (1, 2)
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1
