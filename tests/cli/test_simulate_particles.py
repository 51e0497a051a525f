"""`cryotools simulate-particles` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_molecules import ARM, ROD
from small_structures import A, write_pdb

from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.particles import read_particles
from cryotools.heterogeneity.truth import read_truth

SMALL = ("--n", "30", "--box", "16", "--no-ctf", "--shift", "1")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    """A folder with rods.pdb, chains R and X, and two maps."""
    monkeypatch.chdir(tmp_path)
    places = [*((xyz, "R") for xyz in ROD.tolist()), *((xyz, "X") for xyz in ARM.tolist())]
    atoms = [A("C", tuple(xyz), chain=chain, number=at) for at, (xyz, chain) in enumerate(places, 1)]
    write_pdb(Path("rods.pdb"), atoms)
    for name, at in (("a.mrc", 5), ("b.mrc", 6)):
        data = np.zeros((12, 12, 12), dtype=np.float32)
        data[4:8, 4:8, at] = 1
        write_map(name, Volume(data, (4.0,) * 3), label="test")


def test_a_part_turns_in_steps(run):
    words = ("--rotate", "X", "--states", "5", "--angle=-90:90", "--junk", "0.2")
    done = run("simulate-particles", "rods.pdb", "out.star", *words, *SMALL, "--json")
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert (figures["n_states"], figures["n_junk"], sum(figures["n_per_state"])) == (5, 6, 24)
    assert figures["voxel_size_A"] * 16 * 0.65 == pytest.approx(figures["diameter_A"], rel=0.01)
    assert figures["outputs"] == ["out.star", "out.mrcs", "out_truth"]
    truth = read_truth("out_truth")
    assert set(truth.motion[truth.states >= 0]) == {0, 0.25, 0.5, 0.75, 1}
    assert len(read_particles("out.star")) == 30
    assert "30 images of 16 px" in done.err


def test_subunits_are_added_with_weights(run):
    done = run("simulate-particles", "rods.pdb", "out.star", "--subunits", "X,R", "--weights", "1,2", *SMALL, "--json")
    assert json.loads(done.out)["n_per_state"] == [10, 20]
    truth = read_truth("out_truth")
    assert truth.motion is None
    assert truth.volume(0).data.sum() == pytest.approx(truth.volume(1).data.sum() / 2, rel=0.01)


def test_maps_are_states_at_their_own_size(run):
    done = run("simulate-particles", "a.mrc", "b.mrc", "out.star", *SMALL, "--json")
    figures = json.loads(done.out)
    assert (figures["n_states"], figures["voxel_size_A"], figures["diameter_A"]) == (2, 3, None)


def test_the_same_seed_makes_the_same_files(run):
    def content(*words: str) -> bytes:
        assert run("simulate-particles", "rods.pdb", "out.star", *SMALL, *words).code == 0
        return Path("out.mrcs").read_bytes()[1024:]

    first = content("--seed", "4")
    assert content("--seed", "4") == first
    assert content("--seed", "5") != first


def test_an_existing_set_can_be_kept(run):
    Path("out.star").write_text("mine")
    done = run("simulate-particles", "rods.pdb", "out.star", *SMALL, "--no-clobber")
    assert (done.code, Path("out.star").read_text()) == (0, "mine")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--rotate", "Q"), 1, "rods.pdb: has no chain Q; it has R, X"),
        (("--rotate", "chain R,X"), 1, "selects all of its 18 atoms"),
        (("--rotate", "colour red"), 2, "selection 'colour red': 'colour' is not a term"),
        (("--subunits", "R,Q"), 1, "has no chain Q"),
        (("--subunits", "R,R"), 2, "--subunits R: name each chain once"),
        (("--rotate", "X", "--subunits", "R"), 2, "give --rotate or --subunits"),
        (("--rotate", "X", "--angle", "0:500"), 2, "--angle 0:500: give two different angles, up to 360 apart"),
        (("--rotate", "X", "--angle", "90"), 2, "--angle 90: give 2 numbers"),
        (("--rotate", "X", "--states", "2", "--weights", "1,2,3"), 2, "--weights 1,2,3: 3 weights, but there are 2"),
        (("--rotate", "X", "--axis", "chain Q"), 2, "--axis 'chain Q': selects no atoms"),
        (("--apix", "1"), 1, "more than the box of 16 pixels of 1 Å (16 Å); give a larger --box or --apix"),
        (("--apix=-1",), 2, "--apix -1.0: give a positive number"),
        (("--snr", "0"), 2, "--snr 0.0: give a positive number, or inf"),
        (("--bfactor=-1",), 2, "--bfactor -1.0: give 0 or a positive number"),
        (("--n", "0"), 2, "--n"),
        (("--box", "17"), 2, "--box 17: give an even number"),
        (("--ctf", "--ctf-from", "none.star"), 1, "none.star: no such file"),
        (("--pose-error", "3"), 2, "--pose-error 3: give 2 numbers, with ',' between them"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(run, words, code, said):
    before = sorted(Path().iterdir())
    done = run("simulate-particles", "rods.pdb", "out.star", *SMALL, *words)
    assert done.code == code
    assert said in done.err
    assert len(done.err.splitlines()) == 1 or code == 2
    assert sorted(Path().iterdir()) == before


def test_outputs_have_the_right_suffix_and_are_no_inputs(run):
    assert "end the name in .star" in run("simulate-particles", "rods.pdb", "out.mrcs", *SMALL).err
    Path("rods.star").write_text("")
    done = run("simulate-particles", "rods.pdb", "rods.star", "--ctf-from", "rods.star", "--n", "30")
    assert (done.code, "is also the input" in done.err) == (2, True)
    assert run("simulate-particles", "none.pdb", "out.star", *SMALL).code == 1
