"""The posterior of z and the scale against direct formulas with dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from cryotools.heterogeneity.linear.posterior import InnerProducts, posterior

N, M, Q = 4, 30, 2


def example() -> tuple[np.ndarray, np.ndarray, InnerProducts]:
    """Images (n, m), their slices (n, m, q + 1), and inner products."""
    random = np.random.default_rng(0)
    slices = random.normal(size=(N, M, Q + 1)) * [1.0, 0.5, 0.2]
    latent = np.concatenate([np.ones((N, 1)), random.normal(size=(N, Q))], axis=1)
    images = 1.1 * np.einsum("nmk,nk->nm", slices, latent) + random.normal(size=(N, M))
    inner = slices.transpose(0, 2, 1)
    return images, slices, InnerProducts(inner @ slices, (inner @ images[..., None])[..., 0], (images**2).sum(axis=1))


def direct(image: np.ndarray, slices: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean and covariance of z, and the density of the image, all at once from the whole covariance of the image."""
    mean, components = scale * slices[:, 0], scale * slices[:, 1:]
    covariance = np.eye(M) + components @ components.T
    gain = components.T @ np.linalg.inv(covariance)
    found = multivariate_normal(mean, covariance).logpdf(image)
    return gain @ (image - mean), np.eye(Q) - gain @ components, found + M / 2 * np.log(2 * np.pi)


def test_without_scales_the_posterior_is_that_of_a_normal_distribution() -> None:
    images, slices, products = example()
    found = posterior(products)
    for k in range(N):
        mean, covariance, likelihood = direct(images[k], slices[k], 1.0)
        assert found.mean[k] == pytest.approx(mean)
        assert found.second[k] == pytest.approx(covariance + np.outer(mean, mean))
        assert found.log_likelihood[k] == pytest.approx(likelihood)
        left = images[k] - slices[k] @ np.concatenate([[1], mean])
        assert found.squared_error(products)[k] == pytest.approx((left**2).sum())
    assert np.allclose(found.scale, 1)
    assert np.allclose(found.weights[:, 1:], found.mean)
    assert np.allclose(found.moments[:, 1:, 1:], found.second)


def test_scales_are_integrated_out() -> None:
    spread = 0.2
    images, slices, products = example()
    found = posterior(products, spread)
    scales = np.linspace(0.3, 1.7, 281)
    for k in range(N):
        means, covariances, likelihoods = zip(*(direct(images[k], slices[k], a) for a in scales), strict=True)
        density = np.exp(np.array(likelihoods)) * norm.pdf(scales, 1, spread)
        total = density.sum() * (scales[1] - scales[0])
        share = density / density.sum()
        places = np.array(means)
        assert found.log_likelihood[k] == pytest.approx(np.log(total), abs=0.02)
        assert found.scale[k] == pytest.approx(share @ scales, abs=2e-3)
        assert found.mean[k] == pytest.approx(share @ places, abs=5e-3)
        assert found.weights[k, 1:] == pytest.approx((share * scales) @ places, abs=5e-3)
        second = np.einsum("s,sij->ij", share * scales**2, np.array(covariances))
        second += np.einsum("s,si,sj->ij", share * scales**2, places, places)
        assert found.moments[k, 1:, 1:] == pytest.approx(second, abs=5e-3)
        assert found.moments[k, 0, 0] == pytest.approx(share @ scales**2, abs=2e-3)
