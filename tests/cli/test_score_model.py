"""score-model end to end: its figures, its table, and what it says when something does not fit."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ideal_chains import STRAND, ca_trace, chain

from cryotools.core.structures.structure import concatenate
from cryotools.core.structures.write import pdb_text

DATA = Path(__file__).parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"
LETTERS = "MKLVAENDRGIHFWYTSACQ" * 2  # no proline, which is not found in strands of these angles


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with an ideal strand, the same 60 Å away, and its Cα atoms."""
    monkeypatch.chdir(tmp_path)
    ideal = chain(LETTERS, *STRAND)
    (tmp_path / "ideal.pdb").write_text(pdb_text(ideal))
    (tmp_path / "away.pdb").write_text(pdb_text(ideal.with_xyz(ideal.xyz[:, [1, 2, 0]] + 60)))
    (tmp_path / "trace.pdb").write_text(pdb_text(ideal[ideal.atom_name == "CA"]))
    return tmp_path


def _json(run, *arguments):
    done = run("score-model", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out), done.err


def test_a_deposited_model_is_scored_by_itself_against_itself_and_against_its_map(run, here):
    found, _ = _json(run, MODEL, "--reference", MODEL, "--map", REAL, "--res", "3.2", "-o", "out.csv")
    assert found["geometry"]["favoured"] > 0.9
    assert found["agreement"]["recall_1"] == found["agreement"]["match"] == found["agreement"]["lddt"] == 1
    assert 0.6 < found["fit"]["q_mean"] < 0.8
    assert found["fit"]["correlation_mask"] > 0.6
    rows = list(csv.DictReader((here / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == found["residues"]
    assert {row["right_type"] for row in rows} == {"1"}
    assert all(float(row["distance_A"]) == 0 for row in rows)
    q = np.array([float(row["q_score"]) for row in rows if row["q_score"]])
    assert np.all((q > -1) & (q < 1))
    assert {row["ramachandran"] for row in rows} <= {"", "favoured", "allowed", "outlier"}


def test_without_json_the_scores_are_text_and_the_table_can_go_to_standard_output(run, here):
    text = run("score-model", "ideal.pdb", "--reference", "ideal.pdb").out
    assert "100.0 % favoured, 0.0 % outliers" in text
    assert "recall 1.000, precision 1.000" in text
    table = run("score-model", "ideal.pdb", "-o", "-").out
    assert table.count("\n") == len(LETTERS) + 1
    assert "q_score" not in table
    assert "distance_A" not in table


def test_a_trace_has_no_geometry_but_is_compared(run, here):
    found, said = _json(run, "trace.pdb", "--reference", "ideal.pdb")
    assert "has no whole backbone" in said
    assert found["geometry"]["favoured"] is None
    assert found["agreement"]["recall_1"] == found["agreement"]["match"] == 1


def test_a_model_in_another_frame_is_noticed_and_can_be_superposed(run, here):
    found, said = _json(run, "away.pdb", "--reference", "ideal.pdb")
    assert found["agreement"]["recall_3"] == 0
    assert "it is in another frame (a turn of 120.0° and a shift of" in said
    assert "add --superpose to compare it there" in said
    found, said = _json(run, "away.pdb", "--reference", "ideal.pdb", "--superpose")
    assert found["agreement"]["recall_1"] == 1
    assert "superposed on the reference" in said
    other = ca_trace(np.arange(300).reshape(-1, 3) + 500.0, "G" * 100)
    (here / "other.pdb").write_text(pdb_text(other))
    _, said = _json(run, "other.pdb", "--reference", "ideal.pdb")
    assert "check that both are in one frame" in said
    refused = run("score-model", "other.pdb", "--reference", "ideal.pdb", "--superpose")
    assert (refused.code, "fewer than twenty residues in common" in refused.err) == (1, True)


def test_a_model_beside_the_map_is_refused_and_one_that_leaves_it_is_warned_of(run, here):
    refused = run("score-model", "ideal.pdb", "--map", REAL)
    if refused.code == 0:  # the strand lies near the origin, the map elsewhere
        pytest.fail(refused.out)
    assert "no amino acid lies in the map" in refused.err
    from cryotools.core.structures.structurefile import read_structure

    inside = read_structure(MODEL)
    far = inside.with_xyz(inside.xyz + 1000)
    far = far[far.residue_number == far.residue_number[0]]
    (here / "both.pdb").write_text(pdb_text(concatenate([inside, far])))
    _, said = _json(run, "both.pdb", "--map", REAL)
    assert "leave the map" in said


def test_atoms_outside_density_are_warned_of(run, here):
    from cryotools.core.structures.structurefile import read_structure

    inside = read_structure(MODEL)
    (here / "shifted.pdb").write_text(pdb_text(inside.with_xyz(inside.xyz + 3.0)))
    _, said = _json(run, "shifted.pdb", "--map", REAL)
    assert "check that model and map overlay" in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ideal.pdb", "--res", "3"], 2, "give --map"),
        (["ideal.pdb", "--superpose"], 2, "--superpose needs --reference"),
        (["ideal.pdb", "--q-sigma", "0"], 2, "--q-sigma 0.0: give a positive number"),
        (["ideal.pdb", "--confidence"], 2, "--confidence needs --reference"),
        (["hot.pdb", "--reference", "ideal.pdb", "--confidence"], 1, "B factors of 120 to 120 are no confidences"),
        (["ideal.pdb", "--json", "-o", "-"], 2, "both write to standard output"),
        (["ideal.pdb", "-o", "ideal.pdb"], 2, "ideal.pdb"),
        (["ideal.pdb", "--map", "gone.mrc"], 1, "gone.mrc"),
        (["ideal.pdb", "--map", REAL, "--res", "-1"], 2, "--res"),
        (["water.pdb"], 1, "has no CA atoms (no amino acid)"),
        (["rna.pdb"], 1, "has no CA atoms (nucleotides only)"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(run, here, arguments, code, words):
    atom = "HETATM    1  O   HOH A   1       0.000   0.000   0.000  1.00 20.00           O\n"
    (here / "water.pdb").write_text(atom)
    names = ["P", "O5'", "C5'", "C4'", "C3'", "O3'", "C1'"]
    lines = [
        f"ATOM  {n:5d}  {name:<3}   U A   1    {2.0 * n:8.3f}{0.0:8.3f}{0.0:8.3f}  1.00 20.00          {name[0]:>2}\n"
        for n, name in enumerate(names, 1)
    ]
    (here / "rna.pdb").write_text("".join(lines))
    ideal = chain(LETTERS, *STRAND)
    (here / "hot.pdb").write_text(pdb_text(replace(ideal, b_factor=ideal.b_factor * 6)))
    done = run("score-model", *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert done.err.count("\n") == 1


def test_b_factors_can_be_judged_as_confidences(run, here):
    found, _ = _json(run, "ideal.pdb", "--reference", "ideal.pdb", "--confidence")
    assert found["confidence"]["mean"] == pytest.approx(0.2)  # B factors of 20
    assert found["confidence"]["ece"] == pytest.approx(0.8)
    assert "error (ECE) 0.800" in run("score-model", "ideal.pdb", "--reference", "ideal.pdb", "--confidence").out


def test_an_existing_table_is_kept_with_no_clobber(run, here):
    (here / "out.csv").write_text("earlier")
    assert run("score-model", "ideal.pdb", "-o", "out.csv", "--no-clobber").code == 0
    assert (here / "out.csv").read_text() == "earlier"
