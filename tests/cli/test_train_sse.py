"""`cryotools train-sse` on part of a real map."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
SMALL = ("--steps", 2, "--width", 4, "--batch", 4, "--cube", 16, "--versions", 2, "--quiet")


@pytest.fixture(scope="module")
def training_set(tmp_path_factory):
    from cryotools.cli.main import main

    folder = tmp_path_factory.mktemp("set")
    lines = [f"{fold},{DATA}/emd_3488_crop.mrc.gz,{DATA}/5ni1_crop.pdb.gz,3.2,globin,{fold}" for fold in (0, 1)]
    (folder / "pairs.csv").write_text("\n".join(["id,map,model,resolution,family,fold", *lines, ""]))
    assert main(["curate", str(folder / "pairs.csv"), str(folder / "set"), "--quiet"]) == 0
    return folder / "set"


@pytest.mark.learning
def test_a_run_leaves_a_calibrated_network_and_goes_on_only_as_it_began(run, training_set, trypsin, tmp_path):
    simulated = ("--structures", trypsin.parent, "--simulated", 1)
    done = run("train-sse", training_set, tmp_path / "run", *SMALL, *simulated, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["n_held_out"] == 1
    assert 0 <= found["held_out_q3"] <= 1
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert len(list((tmp_path / "run" / "simulated").iterdir())) == 1
    assert run("train-sse", training_set, tmp_path / "run", *SMALL, *simulated, "--resume").code == 0
    changed = run("train-sse", training_set, tmp_path / "run", *SMALL, "--resume")
    assert changed.code == 2
    assert "different n_simulated" in changed.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cube", 30), "--cube 30: give a multiple of 8, 64 at most"),
        (("--cube", 128), "--cube 128: give a multiple of 8, 64 at most"),
        (("--cache", "kept"), "--cache is for simulated maps; add --structures"),
        (("--structures", "nowhere"), "nowhere: no such file or folder"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(run, training_set, tmp_path, options, words):
    done = run("train-sse", training_set, tmp_path / "run", *SMALL, *options)
    assert done.code in (1, 2)
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1
