"""`cryotools filter-particles` as it is called."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import particle_files as sets
import pytest

from cryotools.core.files.star import read_star
from cryotools.heterogeneity.metadata.startables import star_rows

VECTORS = np.random.default_rng(1).normal(size=(sets.COUNT, 3))


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _names(path: str) -> list[str]:
    return read_star(path)["particles"].text("rlnImageName").tolist()


def test_ranges_of_columns_select_rows_and_keep_optics(run):
    sets.relion31(Path())
    done = run("filter-particles", "particles.star", "out.star", "--where", "rlnDefocusU=10100:10400", "--json")
    assert (done.code, json.loads(done.out)["n_kept"]) == (0, 4)
    assert "4 of 6 particles kept" in done.err
    assert _names("out.star") == sets.image_names()[1:5]
    assert len(read_star("out.star")["optics"]) == 2
    ranges = ("--where", "_rlnClassNumber=1", "--where", "rlnVoltage=:250")  # of a particle, of its optics group
    assert run("filter-particles", "particles.star", "out.star", *ranges).code == 0
    assert _names("out.star") == [sets.image_names()[at] for at in (1, 5)]


def test_selections_of_cryodrgn_go_back_to_cryosparc_with_their_uids(run):
    whole = np.load(sets.cryosparc(Path(), VECTORS))
    Path("ind.pkl").write_bytes(pickle.dumps(np.array([5, 0, 3])))
    assert run("filter-particles", "particles.cs", "out.cs", "--index", "ind.pkl").code == 0
    assert np.array_equal(np.load("out.cs"), whole[[0, 3, 5]])
    assert run("filter-particles", "particles.cs", "out.cs", "--ind", "ind.pkl", "--exclude", "-q").code == 0
    assert np.array_equal(np.load("out.cs"), whole[[1, 2, 4]])
    second = "alignments3D/pose[1]=0:"
    assert run("filter-particles", "particles.cs", "out.cs", "--where", second).code == 0
    assert np.array_equal(np.load("out.cs"), whole[VECTORS[:, 1] >= 0])


def test_tables_name_particles_by_number_or_uid(run):
    whole = np.load(sets.cryosparc(Path(), VECTORS))
    Path("rows.csv").write_text(f"uid,z1\n{whole['uid'][4]},0.5\n{whole['uid'][1]},0.1\n")
    assert run("filter-particles", "particles.cs", "out.cs", "--rows", "rows.csv").code == 0
    assert np.array_equal(np.load("out.cs"), whole[[1, 4]])
    Path("rows.csv").write_text("index,cluster\n2,0\n0,0\n")
    assert run("filter-particles", "particles.cs", "out.cs", "--rows", "rows.csv").code == 0
    assert np.array_equal(np.load("out.cs"), whole[[0, 2]])


def kept(path="out.star"):
    """The numbers of the particles in a file made from `relion31`, by their defocus."""
    return [round((value - sets.DEFOCUS[0]) / 100) for value in star_rows(path).numbers("rlnDefocusU")]


def test_columns_of_tables_select_as_those_of_the_file_do(run):
    sets.relion31(Path())
    Path("clusters.csv").write_text("index,Cluster,junk\n" + "".join(f"{5 - k},{k % 4},0.{k}\n" for k in range(6)))
    rows = ("filter-particles", "particles.star", "out.star", "--rows", "clusters.csv")
    assert run(*rows, "--where", "cluster=1,3").code == 0
    assert kept() == [0, 2, 4]
    assert run(*rows, "--where", "cluster=1,3", "--exclude").code == 0
    assert kept() == [1, 3, 5]
    assert run(*rows, "--where", "cluster=0:1,3", "--where", "junk=:0.3", "--where", "rlnClassNumber=1").code == 0
    assert kept() == [5]
    assert run(*rows, "--rows", "few.csv").code == 1
    Path("few.csv").write_text("index,z\n1,0.5\n5,\n4,-1\n")
    assert run(*rows, "--rows", "few.csv", "--where", "z=-1:1", "--where", "cluster=0:3").code == 0
    assert kept() == [1, 4]


def test_places_in_the_latent_space_of_a_run_select(run):
    sets.relion31(Path())
    Path("run").mkdir()
    Path("run/latent.csv").write_text("index,z_1,z_2\n" + "".join(f"{k},{k - 2},{-k}\n" for k in range(6)))
    Path("run/particles.csv").write_text("index,scale\n" + "".join(f"{k},{1 + k / 10}\n" for k in range(6)))
    box = ("--where", "z_1=-1:2", "--where", "Z_2=:-2", "--where", "scale=:1.35")
    assert run("filter-particles", "particles.star", "out.star", "--rows", "run", *box).code == 0
    assert kept() == [2, 3]


@pytest.mark.parametrize(
    ("files", "options", "words"),
    [
        ({"run/latent.csv": "index,z_1\n0,1\n"}, ["run"], "run/latent.csv: has 1 particles, not 6; give the file that"),
        ({"run/other.csv": ""}, ["run"], "run: has no latent.csv or particles.csv"),
        (
            {"a.csv": "index,z\n0,1\n0,2\n"},
            ["a.csv", "--where", "z=1"],
            "a.csv: line 3: lists a particle for the second",
        ),
        ({"a.csv": "index,z\n0,x\n"}, ["a.csv", "--where", "z=1"], "a.csv: line 2: z: x is not a number"),
        (
            {"a.csv": "index,z\n0,1\n", "b.csv": "index,z\n0,1\n"},
            ["a.csv", "--rows", "b.csv", "--where", "z=1"],
            "column z is in a.csv and in b.csv",
        ),
    ],
)
def test_tables_that_do_not_fit_are_told_in_one_line(run, files, options, words):
    sets.relion31(Path())
    Path("run").mkdir()
    for name, text in files.items():
        Path(name).write_text(text)
    done = run("filter-particles", "particles.star", "out.star", "--rows", *options)
    assert (done.code, words in done.err) == (1, True), done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not Path("out.star").exists()


def test_a_table_of_the_first_particles_only_may_be_of_another_file(run):
    sets.relion31(Path())
    Path("a.csv").write_text("index\n0\n2\n1\n")
    done = run("filter-particles", "particles.star", "out.star", "--rows", "a.csv")
    assert (done.code, kept()) == (0, [0, 1, 2])
    assert "lists the first 3 of 6 particles and no other; is it a table of this file?" in done.err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "give --index, --rows or --where"),
        (["--where", "rlnDefocusU"], 2, "--where rlnDefocusU: give COLUMN=LOW:HIGH"),
        (["--where", "rlnDefocusU=9:1"], 2, "--where rlnDefocusU=9:1: give COLUMN=LOW:HIGH"),
        (["--where", "rlnDefocusU=a:b"], 2, "give COLUMN=LOW:HIGH"),
        (["--where", "rlnDefocusU=1,"], 2, "give COLUMN=LOW:HIGH"),
        (["--where", "rlnNothing=1"], 1, "column _rlnNothing is missing"),
        (["--where", "rlnMicrographName=1"], 1, "row 1: _rlnMicrographName is 'mic 0.mrc', not a number"),
        (["--where", "rlnDefocusU=:1"], 1, "none of the 6 particles is left"),
        (["--index", "ind.txt"], 1, "ind.txt: names particle 6, but the 6 particles are numbered from 0 to 5"),
        (["--index", "gone.pkl"], 1, "gone.pkl: no such file"),
        (["--rows", "uids.csv"], 1, "has no uid, as .cs files have"),
        (["--rows", "bad.csv"], 1, "bad.csv: line 2: index is '-1', not a whole number"),
        (["--where", "rlnDefocusU=:1", "--passthrough", "a.cs"], 2, "belongs to a .cs file"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_no_file(run, options, code, words):
    sets.relion31(Path())
    Path("ind.txt").write_text("0\n6\n")
    Path("uids.csv").write_text("uid\n5\n")
    Path("bad.csv").write_text("index\n-1\n")
    done = run("filter-particles", "particles.star", "out.star", *options)
    assert (done.code, words in done.err) == (code, True), done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not Path("out.star").exists()


def test_a_file_of_another_format_is_not_written_and_the_input_is_kept(run):
    sets.relion31(Path())
    before = Path("particles.star").read_bytes()
    done = run("filter-particles", "particles.star", "out.cs", "--where", "rlnClassNumber=1")
    assert (done.code, "name a .star file" in done.err) == (2, True)
    assert run("filter-particles", "particles.star", "particles.star", "--where", "rlnClassNumber=1").code == 2
    assert Path("particles.star").read_bytes() == before
    done = run("filter-particles", "a.mrcs", "out.mrcs", "--index", "a.mrcs")
    assert (done.code, "give a .star or .cs file" in done.err) == (2, True)


def test_a_pickle_that_would_run_something_is_refused(run):
    sets.relion31(Path())
    Path("ind.pkl").write_bytes(b"cos\nsystem\n(S'touch made'\ntR.")
    done = run("filter-particles", "particles.star", "out.star", "--index", "ind.pkl")
    assert (done.code, "asks for os.system" in done.err) == (1, True)
    assert not Path("made").exists()
