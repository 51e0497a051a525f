"""A known subspace is recovered from noisy images of its volumes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import subspace_images as known
from scipy.linalg import subspace_angles

from cryotools.heterogeneity.linear.fit import fit_linear, stages
from cryotools.heterogeneity.linear.run import describe_images
from cryotools.heterogeneity.linear.subspace import LinearTraining, Subspace, Sweep


def angle(subspace: Subspace) -> float:
    """The largest angle, in degrees, between the two components and the true ones."""
    found, true = (each.reshape(2, -1).T for each in (subspace.volumes[1:3], known.COMPONENTS))
    return float(np.degrees(subspace_angles(found, true).max()))


def explained(latent: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The share of the variance of each true coordinate that is a linear function of the places found."""
    design = np.column_stack([np.ones(len(latent)), latent])
    left = truth - design @ np.linalg.lstsq(design, truth, rcond=None)[0]
    return 1 - left.var(axis=0) / truth.var(axis=0)


def test_mean_components_and_places_are_recovered() -> None:
    images = known.known_images()
    sweeps: list[Sweep] = []
    found = fit_linear(images.images, LinearTraining(zdim=2, sweeps=12, contrast=0), after=sweeps.append)
    assert np.corrcoef(found.volumes[0].ravel(), known.MEAN.ravel())[0, 1] > 0.97
    assert angle(found) < 14  # 16 with the noise of the solvent
    table = describe_images(images.images, found)
    assert table.latent is not None
    assert explained(table.latent, images.latent).min() > 0.8
    norms = np.linalg.norm(known.COMPONENTS.reshape(2, -1), axis=1)
    assert np.allclose(found.deviations, norms, rtol=0.2)
    products = found.volumes[1].ravel() @ found.volumes[2].ravel()
    assert abs(products) < 1e-3 * found.deviations.prod()
    assert np.allclose(table.scale, 1)
    assert np.median(table.support) > 5
    # each half is judged by the volumes of the other, so that perfect volumes leave the noise
    assert 0.9 < sweeps[-1].squared_error < 1.1


def test_likelihood_rises_at_each_radius_and_components_without_signal_vanish() -> None:
    images, sweeps = known.known_images(), []
    found = fit_linear(images.images, LinearTraining(zdim=4, sweeps=14, contrast=0), after=sweeps.append)
    for radius in stages(known.BOX / 2):
        likelihoods = [each.log_likelihood for each in sweeps if each.radius == radius]
        assert max(likelihoods) >= likelihoods[0]
        assert likelihoods[-1] > max(likelihoods) - 0.1
    assert np.all(found.deviations[2:] < 0.25 * found.deviations[1])


def test_scales_are_told_from_components() -> None:
    images = known.known_images(spread=0.2)
    found = fit_linear(images.images, LinearTraining(zdim=2, sweeps=12))
    assert angle(found) < 30
    assert 0.12 < found.spread < 0.28
    table = describe_images(images.images, found)
    assert np.corrcoef(table.scale, images.scale)[0, 1] > 0.7


def test_stages_end_at_the_last_radius() -> None:
    assert stages(5.0) == [5.0]
    found = stages(32.0)
    assert found[-1] == 32
    assert found[0] > 6
    assert all(1.3 < b / a < 1.5 for a, b in pairwise(found))
