"""What the encoder sees of images: their places in a linear subspace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import subspace_images as known

from cryotools.heterogeneity.learning.features import run_features, subspace_features
from cryotools.heterogeneity.learning.particletable import describe_particles
from cryotools.heterogeneity.learning.task import ReconstructionTask, ReconstructionTraining
from cryotools.heterogeneity.network import ReconstructionConfig
from cryotools.training.loop import LoopConfig, train


def explained(seen: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The share of the variance of each true coordinate that is a linear function of what is seen."""
    design = np.column_stack([np.ones(len(seen)), seen])
    left = truth - design @ np.linalg.lstsq(design, truth, rcond=None)[0]
    return 1 - left.var(axis=0) / truth.var(axis=0)


def test_images_that_the_subspace_was_not_fitted_to_have_their_features_too() -> None:
    images = known.known_images()
    used, others = np.arange(0, 600, 2), np.arange(1, 600, 2)
    features = subspace_features(images.images, used, 2)
    assert features.shape == (600, 4)
    assert explained(features[others, :2], images.latent[others]).min() > 0.7
    assert np.all((features[:, 2:] > 0) & (features[:, 2:] < 1))  # less than the prior's


def test_a_part_of_the_images_has_their_values_and_rotations() -> None:
    images = known.known_images(20).images
    part = images.part(np.array([3, 7, 11])).part(np.array([2, 0]))
    assert len(part) == 2
    np.testing.assert_array_equal(part.rotations, images.rotations[[11, 3]])
    for one, other in zip(part.take(np.arange(2)), images.take(np.array([11, 3])), strict=True):
        np.testing.assert_array_equal(one, other)


def test_features_of_a_run_are_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = known.known_images(60).images
    first = run_features(tmp_path / "run", images, np.arange(60), 1)
    monkeypatch.setattr("cryotools.heterogeneity.learning.features.subspace_features", None)
    np.testing.assert_array_equal(run_features(tmp_path / "run", images, np.arange(60), 1, resume=True), first)


@pytest.mark.learning
def test_an_encoder_of_features_finds_places_that_one_of_pixels_does_not(tmp_path: Path) -> None:
    images = known.known_images(noise=2.0)
    features = subspace_features(images.images, np.arange(600), 2)
    loop = LoopConfig(epochs=8, learning_rate=2e-3, warmup=20, averaging=0.99, validate_every=8, save_every=8)
    found = []
    for seen in (features, None):
        network = ReconstructionConfig(known.BOX, 2, 2, 32, 2, 64, features=0 if seen is None else 4)
        task = ReconstructionTask(images.images, ReconstructionTraining(network, held_out=0, warmup=50), "cpu", seen)
        train(task, tmp_path / str(len(found)), loop)
        latent = describe_particles(task, task.networks["reconstruction"]).latent
        found.append(explained(latent, images.latent).mean())
    assert found[0] > 0.4
    assert found[0] > found[1] + 0.1
