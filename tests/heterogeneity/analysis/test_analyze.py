"""What is looked at, of a run whose volumes are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blob_ensemble import BallRun

from cryotools.core.errors import ArgumentError, CryotoolsNote, CryotoolsWarning, DataError
from cryotools.heterogeneity.analysis.analyze import AnalysisOptions, analyze_run
from cryotools.heterogeneity.analysis.tables import tables_of


def run_of(count: int = 80, zdim: int = 2) -> BallRun:
    latent = np.random.default_rng(0).normal(size=(count, zdim)) * ([2, 0.3, 0.2, 0.2][:zdim])
    return BallRun(Path("run"), latent)


def test_everything_is_looked_at() -> None:
    found = analyze_run(run_of(), AnalysisOptions(clusters=5, steps=4, landscape=12))
    assert (len(found.clusters), found.components.scores.shape) == (5, (80, 2))
    assert list(found.trajectories) == ["pc1", "pc2", "path"]
    assert all(len(way) == 4 for name, way in found.trajectories.items() if name != "path")
    assert found.umap is None  # two dimensions are a plane already
    assert found.landscape is not None
    assert len(found.landscape.clusters) == 12


def test_the_way_goes_from_one_end_of_the_motion_to_the_other() -> None:
    run = run_of(200)
    way = analyze_run(run, AnalysisOptions(landscape=0)).trajectories["path"]
    z = run.places[:, 0]
    low, high = sorted(run.places[way.particles[[0, -1]], 0])
    assert low < np.percentile(z, 10)
    assert high > np.percentile(z, 90)


def test_the_way_passes_the_particles_that_were_asked_for() -> None:
    way = analyze_run(run_of(), AnalysisOptions(path=(7, 3, 11), steps=80, landscape=0)).trajectories["path"]
    assert {7, 3, 11} <= set(way.particles.tolist())


def test_particles_are_known_by_their_rows_even_if_others_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(80) * 3 + 1
    monkeypatch.setattr(BallRun, "rows", lambda _: rows)
    found = analyze_run(run_of(), AnalysisOptions(path=(22, 10), steps=80, landscape=5))
    tables = tables_of(found)
    for name in ("clusters", "components", "landscape"):
        assert [row["index"] for row in tables[name]] == rows.tolist()
    assert [row["index"] for row in tables["centres"]] == rows[found.clusters.representatives].tolist()
    way = [row["index"] for row in tables["trajectories"] if row["volume"].startswith("path")]
    assert (way[0], way[-1]) == (22, 10)
    with pytest.raises(ArgumentError, match="the run has 80 of the particles 0 to 238"):
        analyze_run(run_of(), AnalysisOptions(path=(22, 11)))


def test_one_dimension_has_one_component_and_a_landscape() -> None:
    found = analyze_run(run_of(zdim=1), AnalysisOptions(clusters=3, landscape=5))
    assert list(found.trajectories) == ["pc1", "path"]
    assert found.components.shares.tolist() == [1.0]


def test_few_particles_make_few_clusters() -> None:
    with pytest.warns(CryotoolsNote, match="4 different places make 4 clusters"):
        found = analyze_run(run_of(4), AnalysisOptions())
    assert len(found.clusters) == 4
    assert found.landscape is not None
    assert len(found.landscape.scores) == 4


def test_without_umap_learn_a_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryotools.heterogeneity.analysis.analyze.umap_is_possible", lambda: False)
    with pytest.warns(CryotoolsNote, match="umap-learn is not installed"):
        assert analyze_run(run_of(zdim=3), AnalysisOptions(landscape=0)).umap is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (AnalysisOptions(path=(3,)), "two or more"),
        (AnalysisOptions(path=(3, 80)), "particles 0 to 79"),
        (AnalysisOptions(path=(3, -1)), "particles 0 to 79"),
        (AnalysisOptions(landscape=2), "three volumes"),
        (AnalysisOptions(clusters=0), "1 or more"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: AnalysisOptions, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        analyze_run(run_of(), options)


def test_a_single_volume_and_two_particles_are_refused() -> None:
    with pytest.raises(DataError, match="single volume"):
        analyze_run(BallRun(Path("run"), np.zeros((9, 0))), AnalysisOptions())
    with pytest.raises(DataError, match="fewer than 3"):
        analyze_run(run_of(2), AnalysisOptions())


def test_volumes_of_one_place_are_not_compared() -> None:
    run = BallRun(Path("run"), np.zeros((12, 2)))
    with pytest.warns() as told:
        assert analyze_run(run, AnalysisOptions(clusters=2, landscape=6, umap=False)).landscape is None
    words = [str(one.message) for one in told if one.category is CryotoolsWarning]
    assert words == [
        "run: its particles lie at 1 different place; no volumes are compared, and no states are told apart"
    ]
