"""The files of an analysis: headers, tables, the script and the page, all of them or none."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from blob_ensemble import BOX, VOXEL, BallRun

from cryotools.core.errors import ArgumentError, DataError
from cryotools.heterogeneity.analysis.analyze import Analysis, AnalysisOptions, analyze_run
from cryotools.heterogeneity.analysis.output import AnalysisFiles, places_of, write_analysis

OPTIONS = AnalysisOptions(clusters=3, steps=3, landscape=6)


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryotools.heterogeneity.analysis.pictures.PIXELS", 16)


@pytest.fixture
def run(tmp_path: Path) -> BallRun:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "metrics.csv").write_text(
        "step,epoch,squared_error,held_out_error,seconds\n1,1,1.1,1.2,3\n2,2,1.05,1.15,6\n3,3,1,1.16,9\n"
    )
    return BallRun(folder, np.random.default_rng(0).normal(size=(40, 2)) * [1, 0.2])


@pytest.fixture
def found(run: BallRun) -> Analysis:
    return analyze_run(run, OPTIONS)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_all_files_are_there_and_volumes_are_those_of_their_places(
    tmp_path: Path, run: BallRun, found: Analysis
) -> None:
    out = tmp_path / "out"
    names = write_analysis(AnalysisFiles(out), run, found)
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == set(names)
    assert {"clusters.csv", "components.csv", "centres.csv", "landscape.csv", "report.html", "volumes.cxc"} <= set(
        names
    )
    assert {"latent.png", "components.png", "landscape.png", "learning.png", "analysis.json"} <= set(names)
    for kind, places in places_of(found).items():
        for number, place in enumerate(places, start=1):
            with mrcfile.open(out / f"volumes/{kind}_{number:02d}.mrc") as file:
                assert np.array_equal(file.data, run.volume(place).data)
                assert file.voxel_size.tolist() == pytest.approx((VOXEL,) * 3)
                assert file.header.origin.tolist() == (0, 0, 0)


def test_tables_number_particles_from_0_and_clusters_from_1(tmp_path: Path, run: BallRun, found: Analysis) -> None:
    write_analysis(AnalysisFiles(tmp_path / "out"), run, found)
    clusters = rows_of(tmp_path / "out/clusters.csv")
    assert [int(row["index"]) for row in clusters] == list(range(40))
    assert [int(row["cluster"]) - 1 for row in clusters] == found.clusters.labels.tolist()
    centres = rows_of(tmp_path / "out/centres.csv")
    assert sum(int(row["n_particles"]) for row in centres) == 40
    for row, centre in zip(centres, found.clusters.centres, strict=True):
        assert [float(row["centre_z_1"]), float(row["centre_z_2"])] == pytest.approx(centre, abs=1e-5)
        assert float(row["z_1"]) == pytest.approx(run.places[int(row["index"]), 0], abs=1e-5)
    steps = rows_of(tmp_path / "out/trajectories.csv")
    assert [row["volume"] for row in steps][:3] == ["pc1_01", "pc1_02", "pc1_03"]
    assert all(row["index"] for row in steps if row["volume"].startswith("path"))
    land = rows_of(tmp_path / "out/landscape.csv")
    assert list(land[0]) == ["index", "volume", "conformation", "volume_pc_1", "volume_pc_2"]


def test_particles_are_numbered_as_in_the_metadata_file_of_which_the_run_has_a_part(
    tmp_path: Path, run: BallRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "rows", lambda: 3 * np.arange(40) + 1)
    found = analyze_run(run, replace(OPTIONS, path=(7, 100)))
    write_analysis(AnalysisFiles(tmp_path / "out"), run, found)
    for name in ("clusters", "components", "landscape"):
        assert [int(row["index"]) for row in rows_of(tmp_path / f"out/{name}.csv")] == list(range(1, 120, 3))
    way = [row for row in rows_of(tmp_path / "out/trajectories.csv") if row["volume"].startswith("path")]
    assert [way[0]["index"], way[-1]["index"]] == ["7", "100"]
    assert float(way[0]["z_1"]) == pytest.approx(run.places[2, 0], abs=1e-5)
    particle = 3 * found.clusters.representatives[0] + 1
    assert f"volume of particle {particle}<" in (tmp_path / "out/report.html").read_text()
    with pytest.raises(ArgumentError, match="`path` 8: the run has 40 of the particles 0 to 118"):
        analyze_run(run, replace(OPTIONS, path=(7, 8)))


def test_smaller_boxes_keep_the_position_and_the_grey_values(tmp_path: Path, run: BallRun, found: Analysis) -> None:
    write_analysis(AnalysisFiles(tmp_path / "out", box=12), run, found)
    whole = run.volume(found.latent[found.clusters.representatives[0]])
    with mrcfile.open(tmp_path / "out/volumes/cluster_01.mrc") as file:
        assert file.data.shape == (12,) * 3
        assert file.voxel_size.tolist() == pytest.approx((VOXEL * BOX / 12,) * 3)
        assert file.data.mean() == pytest.approx(whole.data.mean(), rel=1e-4)
        centre = (file.data * np.arange(12)).sum() / file.data.sum() * VOXEL * BOX / 12
    assert centre == pytest.approx((whole.data * np.arange(BOX)).sum() / whole.data.sum() * VOXEL, abs=0.3)


def test_the_page_needs_nothing_else(tmp_path: Path, run: BallRun, found: Analysis) -> None:
    write_analysis(AnalysisFiles(tmp_path / "out"), run, found)
    page = (tmp_path / "out/report.html").read_text()
    assert not re.findall(r"https?:|<link|@import|url\(", page)
    sources = re.findall(r'src="([^"]{0,30})', page)
    assert len(sources) == 4 + 3 + 9 + 3 + len(found.landscape.typical)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert page.count('class="frame"') == 9
    for section in ("summary", "latent", "clusters", "trajectories", "landscape", "learning", "next"):
        assert f'<section id="{section}">' in page
    assert "lowest, 1.15, after epoch 2 of 3" in page
    assert "filter-particles particles.star" in page


def test_the_page_names_the_particles_that_were_trained_on(tmp_path: Path, run: BallRun, found: Analysis) -> None:
    (run.folder / "config.json").write_text(json.dumps({"particles": "my data/J3.cs"}))
    write_analysis(AnalysisFiles(tmp_path / "out"), run, found)
    assert "filter-particles &#x27;my data/J3.cs&#x27; kept.cs" in (tmp_path / "out/report.html").read_text()


def test_the_script_opens_every_cluster_and_plays_the_way(tmp_path: Path, run: BallRun, found: Analysis) -> None:
    write_analysis(AnalysisFiles(tmp_path / "out"), run, found)
    script = (tmp_path / "out/volumes.cxc").read_text()
    opened = re.findall(r'"([^"]+)"', script)
    assert all((tmp_path / "out" / name).exists() for name in opened)
    assert len(opened) == 3 + 9
    assert 'open "volumes/path_01.mrc" "volumes/path_02.mrc" "volumes/path_03.mrc" vseries true name path' in script
    assert "vseries play #6 loop true" in script


def test_without_volumes_there_are_tables_and_pictures(tmp_path: Path, run: BallRun, found: Analysis) -> None:
    names = write_analysis(AnalysisFiles(tmp_path / "out", box=0), run, found)
    assert not [name for name in names if name.endswith((".mrc", ".cxc"))]
    assert not (tmp_path / "out/volumes").exists()
    assert "chimerax" not in (tmp_path / "out/report.html").read_text()


def test_without_matplotlib_there_are_tables_and_volumes(
    tmp_path: Path, run: BallRun, found: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryotools.heterogeneity.analysis.output.is_possible", lambda: False)
    names = write_analysis(AnalysisFiles(tmp_path / "out"), run, found)
    assert not [name for name in names if name.endswith((".png", ".html"))]
    assert "volumes/cluster_03.mrc" in names


def test_volumes_of_an_earlier_analysis_are_removed_and_nothing_else(tmp_path: Path, run: BallRun) -> None:
    out = AnalysisFiles(tmp_path / "out")
    write_analysis(out, run, analyze_run(run, AnalysisOptions(clusters=5, steps=3, landscape=0)))
    mine = out.folder / "volumes/mine.mrc"
    mine.write_bytes(b"kept")
    write_analysis(out, run, analyze_run(run, AnalysisOptions(clusters=2, steps=3, landscape=0)))
    assert sorted(path.name for path in (out.folder / "volumes").glob("cluster*")) == [
        "cluster_01.mrc",
        "cluster_02.mrc",
    ]
    assert mine.exists()


def test_a_run_that_fails_leaves_nothing(tmp_path: Path, run: BallRun, found: Analysis) -> None:
    with pytest.raises(ArgumentError, match="even number up to 16"):
        write_analysis(AnalysisFiles(tmp_path / "out", box=18), run, found)
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="cannot be made"):
        write_analysis(AnalysisFiles(tmp_path / "nowhere" / "out"), run, found)


def test_what_cannot_be_written_is_said_before_anything_is_looked_at(tmp_path: Path, run: BallRun) -> None:
    AnalysisFiles(tmp_path / "new", box=8).check(run)
    with pytest.raises(ArgumentError, match="even number"):
        AnalysisFiles(tmp_path / "new", box=7).check(run)
    with pytest.raises(DataError, match="does not exist"):
        AnalysisFiles(tmp_path / "no" / "new").check(run)
    assert not (tmp_path / "new").exists()
