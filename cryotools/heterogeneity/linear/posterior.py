"""Where in the subspace an image lies: the posterior of z, and of the image's scale, in closed form.

An image y, whitened, is a (m + A z) + noise of variance 1 in each value, where m and the columns of A are the slices of
the mean and of the components, times the CTF, z ~ N(0, 1) in each dimension (Tipping & Bishop, J. R. Stat. Soc. B 61,
611, 1999), and a ~ N(1, s²) the image's scale. For a given a, the posterior of z is normal with covariance
(1 + a² AᵀA)⁻¹; a is integrated out numerically. All of it needs only inner products of y, m and A.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEAST, _MOST, _POINTS = 0.3, 1.7, 15  # scales that are tried


@dataclass(frozen=True, eq=False)
class InnerProducts:
    """Of n images and their k = q + 1 slices, that of the mean and those of q components; float64.

    Attributes
    ----------
    slices : (n, k, k), of the slices with each other
    image : (n, k), of the slices with the image
    power : (n,), of the image with itself
    """

    slices: np.ndarray
    image: np.ndarray
    power: np.ndarray


@dataclass(frozen=True, eq=False)
class Posterior:
    """Of n images and q components; z' is 1 and z.

    Attributes
    ----------
    mean, second : (n, q) and (n, q, q), means of z and z zᵀ
    weights, moments : (n, q + 1) and (n, q + 1, q + 1), means of a z' and a² z' z'ᵀ
    scale, scale_variance : (n,), the mean of a, and the mean of (a - 1)²
    log_likelihood : (n,), of the image, but for a constant
    """

    mean: np.ndarray
    second: np.ndarray
    weights: np.ndarray
    moments: np.ndarray
    scale: np.ndarray
    scale_variance: np.ndarray
    log_likelihood: np.ndarray

    def squared_error(self, products: InnerProducts) -> np.ndarray:
        """The sums of squares (n,) of what the mean of the prediction leaves of the images."""
        explained = np.einsum("nk,nk->n", self.weights, products.image)
        return products.power - 2 * explained + self.predicted_power(products)

    def predicted_power(self, products: InnerProducts) -> np.ndarray:
        """The sums of squares (n,) of the mean of the prediction."""
        return np.einsum("nk,nkl,nl->n", self.weights, products.slices, self.weights)


def posterior(products: InnerProducts, spread: float = 0.0) -> Posterior:
    """The posterior of z and of the scale a, which has the standard deviation `spread` around 1; with 0 it is 1."""
    line = _Lines.of(products)
    if spread > 0:
        a, log = _scales(line, spread)
    else:
        a = np.ones((1, len(products.power)))
        log = line.log_likelihood(a)
    share, log_likelihood = _normalised(log)
    place, variance = line.place(a)
    every = np.arange(line.values.shape[1])

    def means(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted means of z and z zᵀ, along the axes."""
        first = np.einsum("sn,snq->nq", weight, place)
        second = np.einsum("sn,snq,snr->nqr", weight, place, place, optimize=True)
        second[:, every, every] += np.einsum("sn,snq->nq", weight, variance)
        return first, second

    mean, second = means(share)
    scaled, squared = means(share * a)[0], means(share * a**2)
    scale = (share * a).sum(axis=0)
    weights = np.concatenate([scale[:, None], line.turned(scaled)], axis=1)
    moments = np.empty_like(products.slices)
    moments[:, 0, 0] = (share * a**2).sum(axis=0)
    moments[:, 0, 1:] = moments[:, 1:, 0] = line.turned(squared[0])
    moments[:, 1:, 1:] = line.turned_both(squared[1])
    off = (share * (a - 1) ** 2).sum(axis=0)
    return Posterior(line.turned(mean), line.turned_both(second), weights, moments, scale, off, log_likelihood)


@dataclass(frozen=True, eq=False)
class _Lines:
    """Inner products in the axes in which those of the components are diagonal: `values` (n, q) are theirs."""

    axes: np.ndarray
    values: np.ndarray
    image: np.ndarray
    mean: np.ndarray
    products: InnerProducts

    @classmethod
    def of(cls, products: InnerProducts) -> _Lines:
        values, axes = np.linalg.eigh(products.slices[:, 1:, 1:])
        image, mean = (
            np.einsum("nji,nj->ni", axes, each) for each in (products.image[:, 1:], products.slices[:, 1:, 0])
        )
        return cls(axes, np.maximum(values, 0), image, mean, products)

    def place(self, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of z (s, n, q) at scales `a` (s, n)."""
        a = a[..., None]
        variance = 1 / (1 + a**2 * self.values)
        return variance * (a * self.image - a**2 * self.mean), variance

    def log_likelihood(self, a: np.ndarray) -> np.ndarray:
        """Of the images (s, n), but for a constant, at scales `a` (s, n)."""
        place, variance = self.place(a)
        left = self.products.power - 2 * a * self.products.image[:, 0] + a**2 * self.products.slices[:, 0, 0]
        return -0.5 * (left - (place**2 / variance + np.log(variance)).sum(axis=-1))

    def turned(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, q) along the axes in the frame of the components."""
        return np.einsum("nij,nj->ni", self.axes, vectors)

    def turned_both(self, matrices: np.ndarray) -> np.ndarray:
        """Matrices (n, q, q) along the axes in the frame of the components."""
        return self.axes @ matrices @ self.axes.transpose(0, 2, 1)


def _scales(line: _Lines, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Scales (s, n), where the posterior of each image lies, and the logarithm (s, n) of its density times the step."""

    def log_density(a: np.ndarray) -> np.ndarray:
        return line.log_likelihood(a) - 0.5 * ((a - 1) / spread) ** 2 - np.log(spread * np.sqrt(2 * np.pi))

    coarse = np.linspace(_LEAST, _MOST, _POINTS)
    step = coarse[1] - coarse[0]
    share, _ = _normalised(log_density(coarse[:, None]))
    centre = coarse @ share
    reach = 3 * np.sqrt(np.maximum(coarse**2 @ share - centre**2, 0)) + step
    low, high = np.maximum(centre - reach, _LEAST), np.minimum(centre + reach, _MOST)
    fine = np.linspace(low, high, _POINTS)
    return fine, log_density(fine) + np.log((high - low) / (_POINTS - 1))


def _normalised(log: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares (s, n) that add up to 1, and the logarithm (n,) of the sum, from logarithms (s, n)."""
    largest = log.max(axis=0)
    share = np.exp(log - largest)
    total = share.sum(axis=0)
    return share / total, largest + np.log(total)
