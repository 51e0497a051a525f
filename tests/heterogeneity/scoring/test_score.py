from __future__ import annotations

import csv

import numpy as np
import pytest
from known_runs import KnownRun, blobs

import cryotools as ct
from cryotools.core.errors import DataError
from cryotools.heterogeneity.scoring.plot import draw_scores
from cryotools.heterogeneity.scoring.score import score_run
from cryotools.heterogeneity.truth import Truth, read_truth, write_truth

STATES = np.array([0, 1] * 10 + [-1])


def run(zdim: int = 2, states=STATES) -> KnownRun:
    return KnownRun(np.eye(4)[states][:, :zdim] * 5.0, lambda _: blobs(1.0))


def test_a_run_is_scored_in_one_table_and_in_numbers(tmp_path):
    write_truth(tmp_path, STATES, [blobs(0.0), blobs(2.0)])
    scores = score_run(run(), read_truth(tmp_path), images=6)
    summary = scores.summary()
    assert (summary["n_particles"], summary["n_states"], summary["n_junk"]) == (21, 2, 1)
    assert (summary["images_measured"], summary["states_measured"]) == (6, 2)
    assert summary["largest_area"] == 7 / 16
    assert summary["ari"] == 1
    rows = list(csv.DictReader(scores.csv_text().splitlines()))
    assert [row["measured"] for row in rows].count("state") == 2
    images = [float(row["area"]) for row in rows if row["measured"] == "image"]
    assert np.mean(images) == pytest.approx(summary["image_area_mean"], abs=1e-4)
    assert {row["cluster"] for row in rows if row["measured"] == "state"} == {"0", "1"}


def test_python_scores_a_run_as_the_command_does(tmp_path):
    write_truth(tmp_path, STATES, [blobs(0.0), blobs(2.0)])
    whole = ct.score_drgn(run(), tmp_path, images=3)
    assert whole.summary()["images_measured"] == 3
    assert ct.score_drgn(run(), read_truth(tmp_path), images=3).csv_text() == whole.csv_text()


def test_particles_that_a_run_left_out_are_left_out_of_the_truth(tmp_path, monkeypatch):
    write_truth(tmp_path, STATES, [blobs(0.0), blobs(2.0)])
    some = np.arange(1, 21, 3)
    found = run(states=STATES[some])
    monkeypatch.setattr(found, "rows", lambda: some)
    scores = score_run(found, read_truth(tmp_path))
    assert (scores.summary()["n_particles"], scores.summary()["ari"]) == (7, 1)
    measured = [(each["index"], each["state"]) for each in scores.rows() if each["measured"] == "image"]
    assert sorted(measured) == [(row, STATES[row]) for row in some if STATES[row] >= 0]


def test_labels_alone_score_the_latent_space():
    scores = score_run(run(), Truth(STATES, None, np.ones(21)))
    rows = list(csv.DictReader(scores.csv_text().splitlines()))
    assert [(row["state"], row["n_images"], row["area"]) for row in rows] == [("0", "10", ""), ("1", "10", "")]
    assert "image_area_mean" not in scores.summary()


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(DataError, match="run has particles 0 to 20, the truth 20 particles"):
        score_run(run(), Truth(STATES[:20], None, np.ones(20)))
    with pytest.raises(DataError, match="all particles are junk"):
        score_run(run(), Truth(np.full(21, -1), None, np.ones(21)))
    with pytest.raises(DataError, match="has a single volume and no latent space"):
        score_run(run(0), Truth(STATES, None, np.ones(21)))


@pytest.mark.parametrize(("zdim", "motion"), [(0, False), (1, False), (2, True)])
def test_scores_are_drawn(tmp_path, zdim, motion):
    pytest.importorskip("matplotlib")
    along = np.linspace(0, 1, 21) if motion else None
    write_truth(tmp_path, STATES, [blobs(0.0), blobs(2.0)], motion=along)
    found = run(zdim)
    scores = score_run(found, read_truth(tmp_path), images=3)
    draw_scores(str(tmp_path / "scores.png"), scores, found.latent() if zdim else None, "a run")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
