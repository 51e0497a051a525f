from __future__ import annotations

from pathlib import Path

import blob_particles as blobs
import numpy as np
import pytest

from cryotools.heterogeneity.contrast import image_contrast
from cryotools.heterogeneity.conventions import AS_GIVEN, check_conventions
from cryotools.heterogeneity.particles import read_particles
from cryotools.heterogeneity.poses import euler_to_rotations, rotations_to_euler
from cryotools.heterogeneity.sample import take_sample

COUNT, NOISE = 150, 1.0
ROTATIONS, SHIFTS = blobs.poses(COUNT)
MIRROR = np.diag([1.0, -1.0, -1.0])


def test_right_poses_fit_better_than_any_other_reading_of_them(tmp_path: Path) -> None:
    check = check_conventions(take_sample(read_particles(blobs.write_particles(tmp_path, COUNT, noise=NOISE))))
    assert check.best == AS_GIVEN
    assert check.better is None
    assert check.is_informative


@pytest.mark.parametrize(
    ("rotations", "shifts", "expected"),
    [
        (ROTATIONS.swapaxes(1, 2), SHIFTS, "transposed rotations"),
        (MIRROR @ ROTATIONS, SHIFTS * [1, -1], "images mirrored"),
        (euler_to_rotations(np.deg2rad(rotations_to_euler(ROTATIONS))), SHIFTS, "angles in radians"),
        (ROTATIONS, -SHIFTS, "opposite shifts"),
        (ROTATIONS, SHIFTS[:, ::-1], "shifts of x and y exchanged"),
        (ROTATIONS, SHIFTS / blobs.VOXEL, "shifts in pixels, not Å"),
        (ROTATIONS, SHIFTS * blobs.VOXEL, "shifts in Å, not pixels"),
        (ROTATIONS, SHIFTS * 2, "shifts half as long"),
        (ROTATIONS.swapaxes(1, 2), -SHIFTS, "transposed rotations and opposite shifts"),
    ],
)
def test_the_convention_that_fits_better_is_named(
    tmp_path: Path, rotations: np.ndarray, shifts: np.ndarray, expected: str
) -> None:
    path = blobs.write_particles(tmp_path, COUNT, noise=NOISE, rotations=rotations, shifts=shifts)
    assert check_conventions(take_sample(read_particles(path))).better == expected


def test_poses_of_other_particles_carry_no_information(tmp_path: Path) -> None:
    order = np.random.default_rng(3).permutation(COUNT)
    path = blobs.write_particles(tmp_path, COUNT, noise=NOISE, rotations=ROTATIONS[order], shifts=SHIFTS[order])
    check = check_conventions(take_sample(read_particles(path)))
    assert not check.is_informative


@pytest.mark.parametrize(("sign", "words"), [(-1, "light on dark; images are negated"), (1, "dark on light")])
def test_the_sign_of_images_is_seen_in_their_mean(tmp_path: Path, sign: int, words: str) -> None:
    path = blobs.write_particles(tmp_path, 100, noise=2.0, sign=sign)
    contrast = image_contrast(take_sample(read_particles(path)))
    assert contrast.sign == sign
    assert contrast.is_clear
    assert words in str(contrast)


def test_images_of_noise_have_no_clear_sign(tmp_path: Path) -> None:
    path = blobs.write_particles(tmp_path, 100, noise=1e4)
    assert not image_contrast(take_sample(read_particles(path))).is_clear


def test_a_few_images_give_no_verdict(tmp_path: Path) -> None:
    path = blobs.write_particles(tmp_path, 12, rotations=ROTATIONS[:12].swapaxes(1, 2), shifts=SHIFTS[:12])
    check = check_conventions(take_sample(read_particles(path)))
    assert check.better is None
    assert check.is_informative
