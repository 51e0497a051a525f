"""score-drgn on a run that stands for a trained one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from known_runs import BOX, KnownRun, blobs

from cryotools.heterogeneity import runs
from cryotools.heterogeneity.truth import write_truth

STATES = np.arange(40) % 2
RUN = KnownRun(np.random.default_rng(0).normal(size=(40, 3)) + 9 * STATES[:, None], lambda z: blobs(z.mean() / 4.5 - 1))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The truth of a run that opens whatever its folder has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "open_run", lambda _, voxel_size: RUN)
    write_truth("truth", STATES, [blobs(-1.0), blobs(1.0)])
    np.savetxt("labels.txt", STATES, fmt="%d")


def test_volumes_and_latent_space_are_scored(run):
    done = run("score-drgn", "run", "truth", "scores.csv", "--images", 5, "--json")
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert figures["largest_area"] == pytest.approx((BOX // 2 - 1) / BOX)
    assert figures["image_area_mean"] > figures["image_baseline_mean"] > 0
    assert (figures["ari"], figures["junk_roc_area"], figures["n_states"]) == (1, None, 2)
    assert figures["outputs"] == ["scores.csv"]
    rows = list(csv.DictReader(Path("scores.csv").read_text().splitlines()))
    assert [row["measured"] for row in rows].count("image") == 5
    assert "2 clusters: ARI 1.000, AMI 1.000, accuracy 1.000 (most common state: 0.500)" in done.err


def test_labels_alone_score_the_latent_space(run):
    done = run("score-drgn", "run", "labels.txt", "scores.csv", "--clusters", 4)
    assert done.code == 0, done.err
    assert "FSC" not in done.err
    assert "4 clusters: ARI" in done.err
    assert len(Path("scores.csv").read_text().splitlines()) == 3


def test_a_picture_is_drawn(run):
    pytest.importorskip("matplotlib")
    done = run("score-drgn", "run", "truth", "scores.csv", "--images", 2, "--plot", "scores.png")
    assert done.code == 0, done.err
    assert Path("scores.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "nowhere.csv", "out.csv"), 1, "nowhere.csv: no such file"),
        (("run", ".", "out.csv"), 1, "truth.csv: no such file"),
        (("run", "few.txt", "out.csv"), 1, "run has particles 0 to 39, the truth 2 particles"),
        (("run", "labels.txt", "labels.txt"), 2, "labels.txt: is also the input"),
        (("run", "truth", "truth/truth.csv"), 2, "is also the input"),
        (("run", "labels.txt", "out.csv", "--images", 0), 2, "--images"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_no_file(run, arguments, code, words):
    Path("few.txt").write_text("0\n1\n")
    before = Path("truth/truth.csv").read_bytes()
    done = run("score-drgn", *arguments)
    assert (done.code, words in done.err) == (code, True), done.err
    assert len([line for line in done.err.splitlines() if "error" in line]) == 1
    assert not Path("out.csv").exists()
    assert Path("truth/truth.csv").read_bytes() == before
