"""detect-anchors with homologs, as it is called."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from anchor_networks import untrained

import cryotools as ct
from cryotools.homologs.search.chains import read_chains

ROOT = Path(__file__).parents[2]
DATA, TRYPSIN = ROOT / "tests" / "data", ROOT / "examples" / "1gbt.cif"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYOTOOLS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "homologs").mkdir()
    shutil.copy(TRYPSIN, tmp_path / "homologs")
    return tmp_path


@pytest.mark.slow
def test_amino_acids_of_a_docked_homolog_come_through_the_alignment(run, folder):
    (folder / "db").mkdir()
    shutil.copy(MODEL, folder / "db")
    letters = next(iter(read_chains(MODEL).values()))
    changed = "".join("A" if at % 5 == 0 else letter for at, letter in enumerate(letters))
    ct.find_homologs({"globin": changed}, "found", database="db", engine="biopython", max_hits=1)
    asked = ("--res", 3.2, "--threads", 1, "--json", "--structure", MODEL)
    plain = run("detect-anchors", REAL, "plain.csv", *asked)
    result = run("detect-anchors", REAL, "out.csv", *asked, "--homologs", "found", "--copies", 1)
    assert result.code == 0, result.err
    before, after = json.loads(plain.out), json.loads(result.out)
    (docked,) = after["docked"]
    assert docked["query"] == "globin"
    assert docked["n_residues"] >= docked["n_sure"] > 30
    assert "residues lie at letters of globin" in result.err
    assert after["n_anchors"] > 2 * before["n_anchors"]
    named = [row["residue"] for row in csv.DictReader(Path("out.csv").read_text().splitlines())]
    assert named.count("ALA") > len(named) / 5, "the query's letters, not the homolog's"
    assert after["n_residues"] == before["n_residues"]


@pytest.mark.slow
def test_homologs_that_do_not_fit_change_nothing(run, folder):
    types, trace = untrained(folder)
    networks = ("--weights", types, "--trace-weights", trace, "--all", "--threads", 1, "--res", 3.2)
    plain = run("detect-anchors", REAL, "plain.csv", *networks)
    assert plain.code == 0, plain.err
    result = run("detect-anchors", REAL, "out.csv", *networks, "--homologs", "homologs", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["docked"] == []
    assert "no homolog fits the map significantly" in result.err
    (folder / "empty").mkdir()
    empty = run("detect-anchors", REAL, "none.csv", *networks, "--homologs", "empty")
    assert empty.code == 0, empty.err
    assert "goes on without" in empty.err
    assert Path("plain.csv").read_text() == Path("out.csv").read_text() == Path("none.csv").read_text()


def test_mistakes_are_told(run, folder):
    for asked, message in (
        (("--homologs", "homologs"), "give --res"),
        (("--copies", 2), "add --homologs"),
        (("--homologs", "nowhere", "--res", 3.2), "no such folder"),
        (("--homologs", "homologs", "--res", 3.2, "--method", "both"), "--method"),
    ):
        result = run("detect-anchors", REAL, "out.csv", *asked)
        assert result.code in (1, 2)
        assert message in result.err
        assert not (folder / "out.csv").exists()
