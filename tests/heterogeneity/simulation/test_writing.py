from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_molecules import molecule

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.files.star import read_star
from cryotools.core.maps import stackfile
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.backproject import backproject
from cryotools.heterogeneity.fourier import map_grid
from cryotools.heterogeneity.particles import read_particles
from cryotools.heterogeneity.simulation.draws import Imaging, draw_images
from cryotools.heterogeneity.simulation.hinge import TurningAxis
from cryotools.heterogeneity.simulation.states import States, turned_states
from cryotools.heterogeneity.simulation.writing import simulation_files, write_simulation
from cryotools.heterogeneity.truth import read_truth
from cryotools.metrics.fsc import fourier_shell_correlation

TURN = TurningAxis(np.zeros(3), np.array([0.0, 0, 1]))
STATES = turned_states(molecule(), molecule().chain == "X", TURN, (0, 180), 3)
SMALL = Imaging(count=60, box=16, voxel_size=5.0, resolution=10.0, shift=1.0, junk=0.1, weights=(3, 1, 2), seed=2)


def _written(folder: Path, states: States = STATES, **options) -> Path:
    write_simulation(folder / "set.star", states, replace(SMALL, **options), label="test")
    return folder / "set.star"


def test_the_set_is_read_back_as_it_was_drawn(tmp_path):
    path = _written(tmp_path)
    particles, draws = read_particles(path), draw_images(3, SMALL)
    assert (len(particles), particles.box) == (60, 16)
    assert np.allclose(particles.poses.rotations, draws.poses.rotations, atol=1e-7)
    assert np.allclose(particles.poses.shifts, draws.poses.shifts, atol=1e-8)
    assert np.allclose(particles.ctf.defocus_u, draws.ctf.defocus_u)
    assert (particles.voxel_size == 5).all()
    assert particles.images.read(slice(0, 3)).std() == pytest.approx(1, abs=0.1)
    truth = read_truth(tmp_path / "set_truth")
    assert np.array_equal(truth.states, draws.states)
    assert np.array_equal(truth.motion[truth.states >= 0], np.array([0, 0.5, 1])[truth.states[truth.states >= 0]])
    assert np.isnan(truth.motion[truth.states < 0]).all()
    assert truth.volume(2).grid == map_grid(16, 5.0)
    assert len(truth.volumes) == 3


def test_backprojection_gives_the_true_volume(tmp_path):
    random = np.random.default_rng(1)
    structure = molecule({"A": random.normal(0, 15, (60, 3))})
    options = {"count": 400, "box": 24, "voxel_size": 6.0, "resolution": 12.0, "snr": 20.0, "junk": 0.0}
    path = _written(tmp_path, States.of([structure]), weights=None, **options)
    found = backproject(read_particles(path))
    assert found.sign == -1
    assert found.contrast.light
    truth = read_truth(tmp_path / "set_truth").volume(0)
    assert found.volume.grid == truth.grid
    fsc = fourier_shell_correlation(found.volume.data, truth.data, truth.voxel_size)
    assert fsc.correlation[:-1].mean() > 0.98


def test_images_without_a_ctf_say_so(tmp_path):
    path = _written(tmp_path, ctf=False, snr=np.inf, junk=0.0)
    particles = read_particles(path)
    assert particles.ctf is None
    volume = read_truth(tmp_path / "set_truth").volume(0)
    assert particles.images.read(slice(0, 60)).sum(axis=(1, 2)) == pytest.approx([volume.data.sum()] * 60, rel=1e-3)
    assert backproject(particles).sign == 1


def test_true_poses_lie_beside_those_with_errors(tmp_path):
    path = _written(tmp_path, pose_error=(5.0, 1.0))
    told, true = read_particles(path), read_particles(tmp_path / "set_truth" / "true_poses.star")
    draws = draw_images(3, SMALL)
    assert np.allclose(true.poses.rotations, draws.poses.rotations, atol=1e-7)
    assert np.abs(told.poses.rotations - draws.poses.rotations).max() > 0.1
    assert np.array_equal(true.images.read(slice(0, 9)), told.images.read(slice(0, 9)))


def test_different_microscopes_are_optics_groups(tmp_path):
    rows = "".join(f"{k} {9000 + k} {9000 + k} 0 {(200, 300)[k % 2]} 2.7 0.1\n" for k in range(60))
    names = ("ImageName", "DefocusU", "DefocusV", "DefocusAngle", "Voltage", "SphericalAberration", "AmplitudeContrast")
    header = "".join(f"_rln{name} #{at}\n" for at, name in enumerate(names, 1))
    (tmp_path / "measured.star").write_text(f"data_\n\nloop_\n{header}{rows}")
    path = _written(tmp_path, ctf_from=tmp_path / "measured.star")
    assert len(read_star(path)["optics"]) == 2
    particles = read_particles(path)
    assert ((particles.ctf.defocus_u % 2 == 0) == (particles.ctf.voltage == 200)).all()


def test_an_earlier_set_of_the_same_name_is_replaced(tmp_path):
    _written(tmp_path, pose_error=(1.0, 0.0))
    _written(tmp_path, States.of(STATES.sources[:1]), weights=None)
    names = sorted(path.name for path in (tmp_path / "set_truth").iterdir())
    assert names == ["state_000.mrc", "truth.csv"]


def test_where_the_disk_is_full_nothing_is_left(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(stackfile, "_header", full)
    with pytest.raises(DataError, match=r"set\.mrcs: cannot be written: No space left"):
        _written(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr("cryotools.heterogeneity.truth.write_text", full)
    with pytest.raises(OSError, match="No space"):
        _written(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_name_ends_in_star_and_leaves_room_for_the_folder(tmp_path):
    with pytest.raises(UsageError, match=r"end the name in \.star"):
        simulation_files(tmp_path / "set.mrcs")
    (tmp_path / "set_truth").write_text("")
    with pytest.raises(UsageError, match="set_truth: is a file"):
        simulation_files(tmp_path / "set.star")


def test_details_finer_than_two_pixels_are_warned_of(tmp_path):
    with pytest.warns(CryotoolsWarning, match="a resolution of 9 Å is finer than two pixels of 5 Å"):
        _written(tmp_path, resolution=9.0)


def test_a_map_elsewhere_is_an_error(tmp_path):
    here, there = (Volume(np.ones((8, 8, 8), np.float32), (5.0,) * 3, (at, 0, 0)) for at in (0.0, 500.0))
    with pytest.raises(DataError, match="state 1 has no density in the box; bring all files into one frame"):
        _written(tmp_path, States.of([here, there]), weights=None)
