from __future__ import annotations

from pathlib import Path

import blob_particles as blobs
import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.maps.stackfile import write_stack
from cryotools.heterogeneity.backproject import backproject
from cryotools.heterogeneity.nearby import reconstruct_nearby
from cryotools.heterogeneity.particles import Particles, read_particles
from cryotools.metrics.fsc import fourier_shell_correlation

VOXEL = (blobs.VOXEL,) * 3


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> tuple[Particles, np.ndarray, list[np.ndarray]]:
    """Particles of two volumes, which differ in one blob, in turns of two; their states; and the volumes."""
    folder = tmp_path_factory.mktemp("states")
    whole, parts = blobs.CENTRES, []
    volumes = []
    with pytest.MonkeyPatch.context() as patch:
        for state, centres in enumerate((whole, whole[:-1])):
            patch.setattr(blobs, "CENTRES", centres)
            (folder / str(state)).mkdir()
            parts.append(read_particles(blobs.write_particles(folder / str(state), 400, noise=1.0)))
            volumes.append(blobs.volume().astype(np.float32))
    state = np.arange(400) // 2 % 2
    images = np.where(state[:, None, None] == 0, *(each.images.read(np.arange(400)) for each in parts))
    write_stack(folder / "0" / "particles.mrcs", images, blobs.VOXEL, label="made by a test")
    return read_particles(folder / "0" / "particles.star"), state, volumes


def test_one_ball_of_all_images_is_the_homogeneous_reconstruction(states) -> None:
    particles, state, _ = states
    (found,) = reconstruct_nearby(particles, state[:, None].astype(float), np.zeros((1, 1)), balls=1)
    whole = backproject(particles, check=False)
    np.testing.assert_allclose(found.reconstruction.volume.data, whole.volume.data, atol=1e-6)
    np.testing.assert_allclose(found.reconstruction.fsc.correlation, whole.fsc.correlation, atol=1e-6)
    assert (found.images == len(particles)).all()


def test_each_state_comes_from_its_own_images(states) -> None:
    particles, state, volumes = states
    latent = np.stack([state * 2.0 - 1, np.zeros(len(state))], axis=1)
    latent += np.random.default_rng(0).normal(0, 0.1, latent.shape)
    found = reconstruct_nearby(particles, latent, np.array([[-1.0, 0], [1, 0]]))
    consensus = backproject(particles, check=False).volume.data
    blob = np.rint(blobs.CENTRES[-1]).astype(int)[::-1] + blobs.BOX // 2
    levels = [each.reconstruction.volume.data[tuple(blob)] for each in found]
    middle = consensus[tuple(blob)]
    assert levels[0] > middle > levels[1]  # the blob that the second state lacks
    for each, own, other in zip(found, volumes, volumes[::-1], strict=True):
        data = each.reconstruction.volume.data
        curves = [fourier_shell_correlation(data, truth, VOXEL).correlation[:4].mean() for truth in (own, other)]
        mixed = fourier_shell_correlation(consensus, own, VOXEL).correlation[:4].mean()
        assert curves[0] > max(curves[1], mixed)
        assert each.images[0] < len(particles)
        assert (np.diff(each.images) >= 0).all()
        assert each.reconstruction.fsc.correlation[0] > 0.8


def test_halves_of_pure_noise_share_nothing(states, tmp_path: Path) -> None:
    particles, _state, _ = states
    noise = np.random.default_rng(1).normal(size=(len(particles), blobs.BOX, blobs.BOX)).astype(np.float32)
    path = blobs.write_particles(tmp_path, len(particles))
    write_stack(tmp_path / "particles.mrcs", noise, blobs.VOXEL, label="made by a test")
    latent = np.random.default_rng(2).normal(size=(len(particles), 2))
    (found,) = reconstruct_nearby(read_particles(path), latent, np.zeros((1, 2)), invert=False)
    assert abs(found.reconstruction.fsc.correlation[2:].mean()) < 0.15


def test_particles_of_another_run_are_refused(states) -> None:
    particles, _, _ = states
    with pytest.raises(DataError, match="has 400 particles, the run 3"):
        reconstruct_nearby(particles, np.zeros((3, 1)), np.zeros((1, 1)))
