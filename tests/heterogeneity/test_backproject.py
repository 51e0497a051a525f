from __future__ import annotations

from pathlib import Path

import blob_particles as blobs
import numpy as np
import pytest

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.heterogeneity.backproject import backproject, common_voxel_size, noise_to_signal
from cryotools.heterogeneity.particles import read_particles
from cryotools.metrics.fsc import ShellCorrelation, fourier_shell_correlation

TRUTH = blobs.volume()


def _agreement(data: np.ndarray) -> np.ndarray:
    """FSC with the truth below Nyquist."""
    return fourier_shell_correlation(data, TRUTH.astype(np.float32), (blobs.VOXEL,) * 3).correlation[:-1]


def test_images_without_noise_give_the_volume_in_its_place_and_scale(tmp_path: Path) -> None:
    found = backproject(read_particles(blobs.write_particles(tmp_path, 300)), window=False)
    assert _agreement(found.volume.data)[:5].min() > 0.99  # beyond that, the volume has no power
    assert found.sign == -1
    assert found.volume.voxel_size == (blobs.VOXEL,) * 3
    assert found.volume.origin == (0.0, 0.0, 0.0)
    level, inside = found.volume.data - np.median(found.volume.data), TRUTH.max() / 3 < TRUTH
    assert level[inside].sum() == pytest.approx(TRUTH[inside].sum(), rel=0.1)
    assert found.fsc.correlation[:5].min() > 0.98


def test_noisy_images_are_filtered_by_what_their_halves_share(tmp_path: Path) -> None:
    found = backproject(read_particles(blobs.write_particles(tmp_path, 300, noise=2.0)))
    first, second = (half.data for half in found.halves)
    assert _agreement(found.volume.data)[:4].min() > 0.9
    assert _agreement(found.volume.data)[:6].mean() > max(_agreement(first)[:6].mean(), _agreement(second)[:6].mean())
    assert found.volume.data.std() < first.std()
    assert found.fsc.correlation[0] > 0.9
    assert abs(found.fsc.correlation[-2:].mean()) < 0.3


def test_the_sign_can_be_given(tmp_path: Path) -> None:
    particles = read_particles(blobs.write_particles(tmp_path, sign=1))
    assert backproject(particles, check=False).sign == 1
    wrong = backproject(particles, invert=True, check=False)
    assert wrong.sign == -1
    assert wrong.contrast is None
    assert _agreement(wrong.volume.data)[:5].max() < -0.9


def test_poses_in_another_convention_are_refused_by_name(tmp_path: Path) -> None:
    rotations, _ = blobs.poses(150)
    particles = read_particles(blobs.write_particles(tmp_path, 150, rotations=rotations.swapaxes(1, 2)))
    with pytest.raises(DataError, match=r"better with transposed rotations: correlation 0.* instead of 0"):
        backproject(particles)
    assert backproject(particles, check=False).check is None


def test_poses_that_belong_to_other_images_are_warned_of(tmp_path: Path) -> None:
    rotations, shifts = blobs.poses(150)
    order = np.random.default_rng(5).permutation(150)
    path = blobs.write_particles(tmp_path, 150, noise=1.0, rotations=rotations[order], shifts=shifts[order])
    with pytest.warns(CryotoolsWarning, match="belong together, in this order"):
        backproject(read_particles(path))


def test_one_size_is_taken_for_particles_of_several_pixel_sizes(tmp_path: Path) -> None:
    assert common_voxel_size(np.array([1.0, 1.3, 1.3])) == pytest.approx(1.3)


def test_particles_without_poses_are_refused(tmp_path: Path) -> None:
    blobs.write_particles(tmp_path, 4)
    with pytest.raises(UsageError, match="has no poses"):
        backproject(read_particles(tmp_path / "particles.mrcs"))


def test_a_single_particle_has_no_halves(tmp_path: Path) -> None:
    particles = read_particles(blobs.write_particles(tmp_path, 4))
    with pytest.raises(DataError, match="two halves"):
        backproject(particles[:1])


def test_the_noise_of_two_halves_together_follows_from_their_correlation() -> None:
    correlation = np.full(6, 0.5)
    ratio = noise_to_signal(ShellCorrelation(np.arange(1.0, 7), correlation, np.ones(6, dtype=np.int64)))
    np.testing.assert_allclose(ratio, 0.5)
    assert ratio.shape == (7,)
