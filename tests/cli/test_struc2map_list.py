"""`cryotools struc2map --list`: many structures in one process."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import pytest
from small_structures import dozen, write_pdb

from cryotools.core.errors import CryotoolsNote
from cryotools.core.maps.mapfile import read_map

OPTIONS = ["--method", "molmap", "--res", 6, "--apix", 2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with models a, b and c in the folder `in`; c is broken."""
    monkeypatch.chdir(tmp_path)
    for name in ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT"):
        monkeypatch.delenv(name, raising=False)
    models = tmp_path / "in"
    models.mkdir()
    for seed, name in enumerate("ab"):
        write_pdb(models / f"{name}.pdb", dozen(seed))
    (models / "c.pdb").write_text("no structure")
    return tmp_path


def summary(path="out/summary.csv"):
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def statuses(path="out/summary.csv"):
    return {row["structure"]: row["status"] for row in summary(path)}


def test_the_maps_of_a_folder_are_those_of_the_command_for_one(run, folder):
    many = run("struc2map", "--list", "in", "out", *OPTIONS)
    assert many.code == 1
    assert many.out == ""
    error, told = many.err.splitlines()
    assert error == "cryotools struc2map: error: in/c.pdb: is neither PDB nor mmCIF text"
    assert told == "out: 2 made, 0 skipped, 1 failed; 0 with warnings or notes; see out/summary.csv"
    assert statuses() == {"in/a.pdb": "made", "in/b.pdb": "made", "in/c.pdb": "failed"}
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.mrc", "b.mrc", "summary.csv"]
    for name in "ab":
        assert run("struc2map", f"in/{name}.pdb", f"{name}.mrc", *OPTIONS, "-q").code == 0
        assert (folder / f"{name}.mrc").read_bytes() == (folder / "out" / f"{name}.mrc").read_bytes()


def test_counts_are_told_as_one_json_object(run, folder):
    (folder / "in/c.pdb").unlink()
    done = run("struc2map", "--list", "in", "-o", "out", *OPTIONS, "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "folder": "out",
        "summary": "out/summary.csv",
        "made": 2,
        "skipped": 0,
        "failed": 0,
    }


def test_a_table_has_options_for_each_structure(run, folder):
    (folder / "list.csv").write_text("file;out;res;noise\nin/a.pdb;x/coarse;8;auto\nin/b.pdb;fine;5;\n")
    done = run("struc2map", "--list", "list.csv", "out", *OPTIONS, "--half-maps", "--mode", 12)
    assert done.code == 0, done.err
    made = sorted(str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.mrc"))
    assert made == sorted(f"{name}{half}.mrc" for name in ("fine", "x/coarse") for half in ("", "_half1", "_half2"))
    seeds = {row["output"]: row["seed"] for row in summary()}
    options = ["--method", "molmap", "-R", 5, "-A", 2, "--half-maps", "--mode", 12, "--seed", seeds["out/fine.mrc"]]
    alone = run("struc2map", "in/b.pdb", "b.mrc", *options)
    assert alone.code == 0
    assert (folder / "b.mrc").read_bytes() == (folder / "out/fine.mrc").read_bytes()
    assert read_map("out/x/coarse.mrc").data.shape > read_map("out/fine.mrc").data.shape


def test_shards_together_make_everything_and_their_summaries_stand_side_by_side(run, folder, monkeypatch):
    assert run("struc2map", "--list", "in", "out", *OPTIONS, "--shard", "1/2").code == 1  # a and c
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "5")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "4")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    assert run("struc2map", "--list", "in", "out", *OPTIONS).code == 0
    assert statuses("out/summary-1-of-2.csv") == {"in/a.pdb": "made", "in/c.pdb": "failed"}
    assert statuses("out/summary-2-of-2.csv") == {"in/b.pdb": "made"}
    assert run("struc2map", "in/a.pdb", "single.mrc", *OPTIONS).code == 0, "one structure is no list to share"


def test_existing_maps_are_skipped_on_request(run, folder):
    run("struc2map", "--list", "in", "out", *OPTIONS)
    (folder / "out/a.mrc").write_text("mine")
    (folder / "out/b.mrc").unlink()
    done = run("struc2map", "--list", "in", "out", *OPTIONS, "--no-clobber")
    assert done.code == 1
    assert statuses() == {"in/a.pdb": "skipped", "in/b.pdb": "made", "in/c.pdb": "failed"}
    assert (folder / "out/a.mrc").read_text() == "mine"
    assert "1 made, 1 skipped, 1 failed" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--list", "in", "out", "again"], 2, "--list takes one argument, the folder for the maps; leave out again"),
        (["--list", "in"], 2, "no OUT_DIR is given"),
        (["--list", "in", "out", "-o", "out"], 2, "OUT_DIR (out) and --output out are two outputs"),
        (["--list", "in", "out", "--preview", "a.png"], 2, "--preview draws a single map"),
        (["--list", "in", "out", "--shard", "3/2"], 2, "--shard 3/2"),
        (["in/a.pdb", "a.mrc", "--shard", "1/2"], 2, "--shard takes a part of a list; add --list"),
        ([], 2, "no STRUCTURE is given"),
        (
            ["--list", "in", "out", "--method", "gan", "--weights", "electron"],
            2,
            "add --method molmap or --method pdb2mrc",
        ),
        (["--list", "in/a.pdb", "out"], 1, "has the name of a structure"),
        (["--list", "gone.txt", "out"], 1, "gone.txt: no such file"),
        (["--list", "twice.csv", "out"], 1, "would both be written to out/x.mrc"),
    ],
)
def test_what_cannot_be_a_list_is_refused_before_anything_is_made(run, folder, arguments, code, words):
    (folder / "twice.csv").write_text("file,out\nin/a.pdb,x\nin/b.pdb,x.mrc\n")
    done = run("struc2map", *arguments)
    assert (done.code, words in done.err) == (code, True), done.err
    assert done.err.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["in", "twice.csv"]


def test_a_note_on_the_machine_is_shown_once_for_all(run, folder, monkeypatch):
    from cryotools.simulate import batch

    def noting(path, simulation):
        warnings.warn("no GPU found", CryotoolsNote, stacklevel=1)
        return struc2map(path, simulation)

    struc2map = batch.struc2map
    monkeypatch.setattr(batch, "struc2map", noting)
    done = run("struc2map", "--list", "in", "out", *OPTIONS)
    assert done.err.count("note: no GPU found") == 1
    assert "no GPU" not in Path("out/summary.csv").read_text()


def test_an_output_that_is_an_input_fails_alone(run, folder):
    assert run("struc2map", "in/a.pdb", "out.mrc", *OPTIONS, "-q").code == 0
    (folder / "list.csv").write_text("file,out,like,apix\nin/a.pdb,out,out.mrc,\nin/b.pdb,b,,\n")
    before = (folder / "out.mrc").read_bytes()
    done = run("struc2map", "--list", "list.csv", ".", "--method", "molmap", "--res", 6)
    assert done.code == 1
    assert "out.mrc: is also the input" in done.err
    assert (folder / "out.mrc").read_bytes() == before
    assert (folder / "b.mrc").exists()


def test_a_list_is_not_overwritten_by_the_summary(run, folder):
    (folder / "in/summary.csv").write_text("file\na.pdb\n")
    done = run("struc2map", "--list", "in/summary.csv", "in", *OPTIONS)
    assert (done.code, "in/summary.csv: is also the input" in done.err) == (2, True), done.err
    assert (folder / "in/summary.csv").read_text() == "file\na.pdb\n"
    assert not (folder / "in/a.mrc").exists()


def test_an_interrupted_list_leaves_its_summary(run, folder, monkeypatch):
    from cryotools.cli.mapwriter import MapWriter

    write = MapWriter.write

    def interrupted(self, job, made):
        if job.structure == "in/b.pdb":
            raise KeyboardInterrupt
        write(self, job, made)

    monkeypatch.setattr(MapWriter, "write", interrupted)
    assert run("struc2map", "--list", "in", "out", *OPTIONS).code == 130
    assert statuses() == {"in/a.pdb": "made"}
