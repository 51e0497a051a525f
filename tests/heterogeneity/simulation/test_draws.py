from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from particle_files import relion31

from cryotools.core.errors import ArgumentError, DataError, UsageError
from cryotools.heterogeneity.simulation.draws import (
    BLOBS,
    NOISE,
    OFF_CENTRE,
    PARTICLE,
    Imaging,
    draw_images,
    parse_numbers,
    random_rotations,
)
from cryotools.heterogeneity.simulation.optics import measured_ctf, random_ctf

PLAIN = Imaging(count=3000, box=16, voxel_size=4.0, resolution=8.0, shift=2.0, seed=5)


def test_states_have_their_share_of_images_in_random_order():
    draws = draw_images(3, replace(PLAIN, weights=(5, 0, 1)))
    assert np.bincount(draws.states).tolist() == [2500, 0, 500]
    assert 50 < (draws.states[:600] == 2).sum() < 150
    assert np.bincount(draw_images(7, PLAIN).states).tolist() == pytest.approx([3000 / 7] * 7, abs=1)


def test_rotations_are_uniform():
    rotations = draw_images(1, PLAIN).poses.rotations
    views = rotations[:, 2]
    assert np.abs(views.mean(axis=0)).max() < 0.04
    assert np.allclose(views.T @ views / len(views), np.eye(3) / 3, atol=0.02)
    assert np.abs(np.trace(rotations, axis1=1, axis2=2).mean()) < 0.06  # the Haar measure's mean character is 0


def test_preferred_views_are_around_z():
    views = random_rotations(np.random.default_rng(0), 4000, preferred=3.0)[:, 2]
    assert views[:, 2].mean() == pytest.approx(1 / np.tanh(3.0) - 1 / 3.0, abs=0.02)
    assert np.abs(views[:, :2].mean(axis=0)).max() < 0.03


def test_shifts_are_uniform_in_pixels():
    shifts = draw_images(1, PLAIN).poses.shifts * PLAIN.box
    assert np.abs(shifts).max() <= 2.0
    assert shifts.std() == pytest.approx(2.0 / np.sqrt(3), rel=0.03)


def test_junk_is_a_third_each_and_changes_nothing_else():
    draws, without = draw_images(2, replace(PLAIN, junk=0.1)), draw_images(2, PLAIN)
    assert [(draws.kinds == kind).sum() for kind in (PARTICLE, NOISE, BLOBS, OFF_CENTRE)] == [2700, 100, 100, 100]
    assert ((draws.states == -1) == (draws.kinds != PARTICLE)).all()
    assert np.array_equal(draws.poses.rotations, without.poses.rotations)
    assert np.array_equal(draws.states[draws.kinds == PARTICLE], without.states[draws.kinds == PARTICLE])
    away = np.hypot(*draws.offsets.T)
    assert away[draws.kinds == OFF_CENTRE].min() > 0.29 * PLAIN.box
    assert away[draws.kinds != OFF_CENTRE].max() == 0


def test_poses_that_are_told_may_have_errors():
    draws = draw_images(1, replace(PLAIN, pose_error=(3.0, 0.5)))
    turns = draws.told_poses.rotations @ draws.poses.rotations.swapaxes(1, 2)
    angles = np.rad2deg(np.arccos((np.trace(turns, axis1=1, axis2=2) - 1) / 2))
    assert np.sqrt((angles**2).mean()) == pytest.approx(3.0, rel=0.05)
    assert (draws.told_poses.shifts - draws.poses.shifts).std() * PLAIN.box == pytest.approx(0.5, rel=0.05)
    assert draw_images(1, PLAIN).told_poses is not None


def test_contrast_varies_around_one():
    contrast = draw_images(1, replace(PLAIN, contrast_spread=0.2)).contrast
    assert (contrast.mean(), contrast.std()) == pytest.approx((1.0, 0.2), abs=0.01)
    assert (draw_images(1, PLAIN).contrast == 1).all()


def test_defoci_are_in_their_range():
    parameters = random_ctf(np.random.default_rng(0), 1000, defocus=(5000, 6000), voltage=200)
    mean = (parameters.defocus_u + parameters.defocus_v) / 2
    assert 5000 <= mean.min() < 5050 < 5950 < mean.max() <= 6000
    assert (parameters.defocus_u >= parameters.defocus_v).all()
    assert (parameters.voltage == 200).all()


def test_ctf_parameters_can_be_those_of_a_measured_set(tmp_path):
    path = relion31(tmp_path)
    few = measured_ctf(np.random.default_rng(0), 6, path)
    assert sorted(few.defocus_u) == [10_000 + 100 * k for k in range(6)]  # each once
    assert sorted(set(few.voltage)) == [200, 300]
    assert len(measured_ctf(np.random.default_rng(0), 50, path)) == 50
    table = np.tile([64, 2.0, 9000, 8000, 10, 300, 2.7, 0.1, 0], (4, 1)).astype(np.float32)
    (tmp_path / "ctf.pkl").write_bytes(pickle.dumps(table))
    assert (measured_ctf(np.random.default_rng(0), 3, tmp_path / "ctf.pkl").defocus_v == 8000).all()
    with pytest.raises(UsageError, match="has no CTF parameters; give a"):
        measured_ctf(np.random.default_rng(0), 3, tmp_path / "ctf.txt")
    path.write_text("data_\n\nloop_\n_rlnImageName #1\n1@a.mrcs\n")
    with pytest.raises(DataError, match="has no defocus"):
        measured_ctf(np.random.default_rng(0), 3, path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": (1, 2, 3)}, r"`weights` 1,2,3: 3 weights, but there are 2 states"),
        ({"weights": (0, 0)}, "not all of them 0"),
        ({"weights": (1, -1)}, "give numbers from 0 on"),
        ({"count": 1}, "`n` 1: give an image or more for each of the 2 states"),
        ({"box": 15}, "`box` 15: give an even number"),
        ({"shift": 5.0}, r"`shift` 5.0: give 0 to 4 pixels"),
        ({"junk": 1.0}, "`junk` 1.0"),
        ({"snr": 0.0}, "`snr` 0.0: give a positive number, or inf"),
        ({"resolution": 0.0}, "`res` 0.0"),
        ({"b_factor": -1.0}, "`bfactor` -1.0"),
        ({"pose_error": (1.0, -1.0)}, "`pose_error` -1.0"),
        ({"defocus": (2e4, 1e4)}, "`defocus` 20000:10000"),
        ({"voltage": 0.0}, "`voltage` 0.0"),
        ({"amplitude_contrast": 2.0}, "`amplitude_contrast` 2.0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(options, words):
    with pytest.raises(ArgumentError, match=words):
        draw_images(2, replace(PLAIN, **options))


def test_numbers_of_an_option():
    assert parse_numbers("angle", "-40:40", ":", 2) == (-40, 40)
    for text in ("1:2:3", "a:b", "", "5"):
        with pytest.raises(ArgumentError, match="give 2 numbers, with ':' between them"):
            parse_numbers("angle", text, ":", 2)
