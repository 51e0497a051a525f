"""A reconstruction from projections of a few Gaussian blobs, whose Fourier values are known in closed form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from half_images import image_of_half
from scipy.spatial.transform import Rotation

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import DataError
from cryotools.heterogeneity.fourier import slice_frequencies
from cryotools.heterogeneity.learning.dataset import HalfImages, ImageSource, half_images
from cryotools.heterogeneity.learning.particletable import describe_particles
from cryotools.heterogeneity.learning.predicted import image_scale
from cryotools.heterogeneity.learning.task import ReconstructionTask, ReconstructionTraining
from cryotools.heterogeneity.network import RECONSTRUCTION, ReconstructionConfig, ReconstructionNetwork, half_circle
from cryotools.heterogeneity.predict import volume_at
from cryotools.training.loop import LoopConfig, train

BOX, SIGMA = 16, 1.3
BLOBS = np.array([[0.0, 0, 0], [3, 0, 1], [-2, 3, 0], [0, -3, -3]])  # x, y, z, voxels from the centre


def fourier(points: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Values (…, m) of unit Gaussians at points (…, b, d), at frequencies int (m, d)."""
    phase = np.exp(-2j * np.pi * np.einsum("...bd,md->...mb", points, frequencies / BOX)).sum(axis=-1)
    width = SIGMA * np.sqrt(2 * np.pi)
    return phase * np.exp(-2 * (np.pi * SIGMA / BOX) ** 2 * (frequencies**2).sum(axis=-1)) * width**3 / SIGMA**3


def prepared(n: int = 60, *, sign: float = 1.0, noise: float = 0.0) -> HalfImages:
    rotations = Rotation.random(n, random_state=0).as_matrix()
    shifts = np.random.default_rng(1).uniform(-0.1, 0.1, (n, 2))
    projected = np.einsum("nij,bj->nbi", rotations, BLOBS)[..., :2] - shifts[:, None] * BOX
    images = sign * image_of_half(fourier(projected, half_circle(BOX)), half_circle(BOX), BOX)
    images = images + noise * np.random.default_rng(2).normal(size=images.shape).astype(np.float32)
    flat = ImageSource(lambda at: images[at], lambda at, k: np.ones((len(at), len(k))), rotations, shifts, BOX, sign)
    return half_images(flat, whiten=noise > 0)


def test_images_read_when_they_are_taken_are_those_kept_in_memory() -> None:
    images, at = prepared(), np.array([5, 3, 59])
    for kept, read in zip(images.take(at), replace(images, kept=None).take(at), strict=True):
        np.testing.assert_array_equal(kept, read)


def test_images_are_centred_values_in_units_of_the_noise() -> None:
    images = prepared(sign=-1)
    planes = slice_frequencies(
        torch.from_numpy(images.frequencies).double(), torch.from_numpy(images.rotations).double()
    )
    expected = fourier(BLOBS, planes.numpy().reshape(-1, 3)).reshape(len(images), -1)
    found = images.take(np.arange(len(images)))[0] * images.noise
    assert np.corrcoef(found.real.ravel(), expected.real.ravel())[0, 1] > 0.97  # but for the window
    noisy = prepared(400, noise=1.0)
    last = noisy.take(np.arange(400))[0][:, -20:]
    assert np.mean(last.real**2) == pytest.approx(1, abs=0.15)
    assert np.mean(last.imag**2) == pytest.approx(1, abs=0.15)


def test_a_volume_is_learned_from_its_projections(tmp_path: Path) -> None:
    images = prepared(200)
    config = ReconstructionTraining(ReconstructionConfig(BOX, 0, decoder_layers=2, decoder_width=32), march=20)
    task = ReconstructionTask(images, config)
    found = train(task, tmp_path / "run", LoopConfig(steps=150, learning_rate=5e-3, warmup=5, averaging=0.9))
    assert found["held_out_error"] < 0.1 * np.mean(np.abs(images.take(np.arange(len(images)))[0]) ** 2)
    network = load_network(tmp_path / "run" / "model.safetensors", [RECONSTRUCTION])[0]
    volume = volume_at(network.eval(), None, 2.0)
    z, y, x = np.mgrid[:BOX, :BOX, :BOX] - BOX // 2
    grid = np.stack([x, y, z], axis=-1)[..., None, :]
    truth = np.exp(-((grid - BLOBS) ** 2).sum(axis=-1) / (2 * SIGMA**2)).sum(axis=-1)
    assert np.corrcoef(volume.data.ravel(), truth.ravel())[0, 1] > 0.9
    assert volume.voxel_size == (2.0, 2.0, 2.0)


def test_a_step_is_the_same_when_repeated_and_every_image_is_seen_once_per_epoch() -> None:
    images = prepared()
    config = ReconstructionTraining(ReconstructionConfig(BOX, 2, 1, 8, 1, 8), batch=10, held_out=0.5)
    task = ReconstructionTask(images, config)
    random = np.random.default_rng(0)
    seen = torch.cat([task.batch(random, step)[2] for step in range(task.steps_per_epoch)])
    assert len(torch.unique(seen, dim=0)) == len(task.used) == 30
    assert torch.equal(task.batch(random, 4)[0], task.batch(random, 4)[0])
    losses = task.step(task.batch(random, 0), 0)
    assert losses["divergence"] >= 0


def test_expected_amplitudes_fall_with_frequency() -> None:
    images = prepared()
    amplitude = images.by_radius(images.signal)
    assert len(amplitude) == BOX // 2 + 1
    assert np.all(amplitude[1:] <= amplitude[:-1])


def test_images_that_are_not_finite_are_named() -> None:
    images = np.ones((3, BOX, BOX), dtype=np.float32) * np.arange(BOX, dtype=np.float32)
    images[1, 2, 3] = np.nan
    rotations = np.tile(np.eye(3), (3, 1, 1))
    with pytest.raises(DataError, match="image 2 is not finite"):
        half_images(
            ImageSource(
                lambda at: images[at], lambda at, k: np.ones((len(at), len(k))), rotations, np.zeros((3, 2)), BOX
            )
        )


def test_scales_of_images_are_found() -> None:
    found, scale = torch.randn(5, 40, 2), torch.tensor([0.5, 0.8, 1.0, 1.2, 1.5])
    values = scale[:, None, None] * found
    torch.testing.assert_close(image_scale(10 * found, 10 * values, spread=0.5), scale, atol=5e-3, rtol=0)
    assert (image_scale(found, values, spread=0.0) == 1).all()
    assert image_scale(0 * found, values, spread=0.5).tolist() == pytest.approx([1] * 5)


@pytest.mark.learning
def test_wrong_poses_are_corrected(tmp_path: Path) -> None:
    images = prepared(300)
    random = np.random.default_rng(3)
    wrong = Rotation.from_rotvec(np.deg2rad(4) * random.normal(size=(300, 3))).as_matrix() @ images.rotations
    network = ReconstructionConfig(BOX, 0, decoder_width=64)
    config = ReconstructionTraining(network, 16, held_out=0, pose_angle=4.0, pose_shift=1.0, poses_from=10)
    task = ReconstructionTask(replace(images, rotations=wrong.astype(np.float32)), config)
    train(task, tmp_path, LoopConfig(epochs=40, learning_rate=3e-3, averaging=0.99, validate_every=20, save_every=40))
    table = describe_particles(task, cast(ReconstructionNetwork, task.networks["reconstruction"]))
    before, after = (angles(images.rotations, each) for each in (wrong, table.turned))
    assert np.median(after) < 0.6 * np.median(before)
    assert np.abs(table.moved).mean() < 0.5


def angles(a: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    """Degrees by which rotations (n, 3, 3) differ."""
    assert b is not None
    return np.rad2deg(Rotation.from_matrix(a @ b.swapaxes(1, 2)).magnitude())
