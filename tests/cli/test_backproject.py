"""`cryotools backproject` as it is called."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import blob_particles as blobs
import numpy as np
import pytest

from cryotools.core.maps.mapfile import read_map
from cryotools.metrics.fsc import fourier_shell_correlation


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_map_is_written_with_its_halves_their_correlation_and_a_picture(run):
    blobs.write_particles(Path(), 150, noise=1.0)
    done = run("backproject", "particles.star", "map.mrc", "--preview", "map.png", "--json")
    assert done.code == 0, done.err
    figures = json.loads(done.out)
    assert figures["outputs"] == ["map_half1.mrc", "map_half2.mrc", "map_fsc.csv", "map.mrc", "map.png"]
    assert figures["inverted"]
    assert figures["correlations"]["as given"] > figures["correlations"]["transposed rotations"]
    assert "light on dark; images are negated" in done.err
    assert "particles.star: 150 images; the map takes 1 MiB of memory; " in done.err
    volume = read_map("map.mrc")
    assert volume.voxel_size == pytest.approx((blobs.VOXEL,) * 3)
    truth = blobs.volume().astype(np.float32)
    assert fourier_shell_correlation(volume.data, truth, (blobs.VOXEL,) * 3).correlation[:4].min() > 0.95
    curve = [float(row["correlation"]) for row in csv.DictReader(Path("map_fsc.csv").read_text().splitlines())]
    halves = [read_map(f"map_half{k}.mrc").data for k in (1, 2)]
    found = fourier_shell_correlation(*halves, (blobs.VOXEL,) * 3).correlation
    np.testing.assert_allclose(curve, found, atol=1e-5)
    assert Path("map.png").stat().st_size > 10_000


def test_a_wrong_convention_is_named_and_nothing_is_written(run):
    rotations, _ = blobs.poses(100)
    blobs.write_particles(Path(), 100, rotations=rotations.swapaxes(1, 2))
    done = run("backproject", "particles.star", "map.mrc.gz")
    assert done.code == 1
    assert "better with transposed rotations" in done.err
    assert "--no-check" in done.err
    assert not list(Path().glob("map*"))
    assert run("backproject", "particles.star", "map.mrc.gz", "--no-check", "--as-is").code == 0
    assert sorted(path.name for path in Path().glob("map*")) == [
        "map.mrc.gz",
        "map_fsc.csv",
        "map_half1.mrc.gz",
        "map_half2.mrc.gz",
    ]


def test_a_stack_without_poses_is_refused(run):
    blobs.write_particles(Path(), 4)
    done = run("backproject", "particles.mrcs", "map.mrc")
    assert (done.code, "has no poses" in done.err, "--poses" in done.err) == (2, True, True)
