"""Volumes of two halves of the images: each half's z come from the volumes of the other."""

from __future__ import annotations

import numpy as np

from cryotools.heterogeneity.fourier import VOLUME, spectrum_of, values_of
from cryotools.heterogeneity.learning.dataset import HalfImages
from cryotools.heterogeneity.linear.imageslices import ImageSlices
from cryotools.heterogeneity.linear.posterior import InnerProducts, Posterior, posterior
from cryotools.heterogeneity.linear.prior import ShellPrior, round_mask
from cryotools.heterogeneity.linear.solvent import shared_share
from cryotools.heterogeneity.linear.subspace import LinearTraining, Subspace, Sweep
from cryotools.heterogeneity.linear.sums import NormalSums

_MEAN_SWEEPS = 2
_START = 0.2  # amplitude of the first components, × the mean's
_LEAST_SPREAD, _MOST_SPREAD = 0.03, 0.4


class Halves:
    """Volumes of two halves of the images, at one radius."""

    def __init__(self, images: HalfImages, training: LinearTraining, radius: float) -> None:
        self.spread = training.contrast
        order = np.random.default_rng(training.seed).permutation(len(images))
        self.members = np.sort(order[::2]), np.sort(order[1::2])
        self.volumes: list[np.ndarray] = []
        self.count = training.zdim + 1
        self._at(images, radius)
        self.volumes = [np.zeros((self.count, *(self.slices.box,) * 3), dtype=np.float32)] * 2
        for _ in range(_MEAN_SWEEPS):
            self.sweep(estimate=True, only_mean=True)
        self.prior.variance[1:] = np.nan
        start = _random_components(self.volumes[0][0], training.zdim, self.mask, training.seed)
        for volumes in self.volumes:
            volumes[1:] = start

    def _at(self, images: HalfImages, radius: float) -> None:
        self.slices = ImageSlices(images, radius)
        box = self.slices.box
        self.mask = round_mask(box)
        self.prior = ShellPrior(self.count, box // 2, self.slices.grid.grid.size**3 / float(self.mask.sum()))

    def widen(self, radius: float) -> None:
        """Go on at a larger radius."""
        before = self.prior.variance
        self._at(self.slices.images, radius)
        self.prior.variance[:, : before.shape[1]] = before
        self.volumes = [_in_box(volumes, self.slices.box) for volumes in self.volumes]

    def sweep(self, *, estimate: bool, only_mean: bool = False) -> Sweep:
        """One pass over all images: each half with the volumes of the other; then, if `estimate`, the prior."""
        likelihood = error = off = 0.0
        left = []
        for half in (0, 1):
            sums = NormalSums(self.slices.grid, self.count)
            table = self.slices.grid.table(self.volumes[1 - half])
            found = _Totals(self.count - 1)
            for which in self.slices.batches(self.members[half]):
                products, corners, values, ctf = self.slices.compare(table, which)
                each = posterior(products, self.spread)
                sums.add(corners, values, ctf, each.weights, each.moments)
                found.add(each, products)
            volumes, kept = sums.solve(self.prior.damping())
            volumes = _masked(volumes, self.mask)
            self.volumes[half] = found.standardised(volumes) if not only_mean else _mean_alone(volumes)
            left.append(kept)
            likelihood, error, off = likelihood + found.likelihood, error + found.error, off + found.off
        n = len(self.slices.images)
        if self.spread:
            ratio = np.sqrt(off / n) / self.spread  # squared, since expectation maximisation is slow for a spread
            self.spread = float(np.clip(self.spread * ratio**2, _LEAST_SPREAD, _MOST_SPREAD))
        if not only_mean:
            self._order()
        if estimate:
            self.prior.update((self.volumes[0], self.volumes[1]), (left[0], left[1]))
            if not only_mean and self.slices.grid.radius >= self.slices.images.box / 2:
                self._clear_solvent()
        return Sweep(self.slices.grid.radius, likelihood / n, error / (2 * n * len(self.slices.pixels)), self.spread)

    def _clear_solvent(self) -> None:
        """Leave of each volume, voxel by voxel, what the halves share."""
        for first, second in zip(*self.volumes, strict=True):
            share = shared_share(first, second)
            first *= share
            second *= share

    def joined(self) -> Subspace:
        """The mean of the halves, which are compared a last time."""
        self._clear_solvent()
        volumes = (self.volumes[0] + self.volumes[1]) / 2
        components = volumes[1:].reshape(self.count - 1, -1).astype(np.float64)
        volumes[1:] = np.tensordot(_principal(components @ components.T), volumes[1:], 1)
        return Subspace(volumes, self.spread)

    def _order(self) -> None:
        """Turn the components of both halves so that they are orthogonal, those that vary most first."""
        first, second = (volumes[1:].reshape(self.count - 1, -1).astype(np.float64) for volumes in self.volumes)
        turn = _principal(first @ second.T)
        for volumes in self.volumes:
            volumes[1:] = np.tensordot(turn, volumes[1:], 1)


def _principal(common: np.ndarray) -> np.ndarray:
    """The rotation (q, q) of components with these inner products (q, q) to orthogonal ones, the largest first."""
    values, axes = np.linalg.eigh((common + common.T) / 2)
    return axes[:, np.argsort(-values)].T


class _Totals:
    """What posteriors add up to over images."""

    def __init__(self, zdim: int) -> None:
        self.n, self.scale, self.off, self.likelihood, self.error = 0, 0.0, 0.0, 0.0, 0.0
        self.mean, self.second = np.zeros(zdim), np.zeros((zdim, zdim))

    def add(self, found: Posterior, products: InnerProducts) -> None:
        self.n += len(found.mean)
        self.scale += found.scale.sum()
        self.off += found.scale_variance.sum()
        self.likelihood += found.log_likelihood.sum()
        self.error += found.squared_error(products).sum()
        self.mean += found.mean.sum(axis=0)
        self.second += found.second.sum(axis=0)

    def standardised(self, volumes: np.ndarray) -> np.ndarray:
        """The same volumes for z of mean 0 and variance 1 and scales of mean 1, which speeds up convergence (parameter
        expansion; Liu, Rubin & Wu, Biometrika 85, 755, 1998).
        """
        middle = self.mean / self.n
        factor = np.linalg.cholesky(self.second / self.n - np.outer(middle, middle))
        mean = volumes[0] + np.tensordot(middle, volumes[1:], 1)
        found = np.concatenate([mean[None], np.tensordot(factor.T, volumes[1:], 1)])
        return (found * (self.scale / self.n)).astype(np.float32)


def _masked(volumes: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Volumes (k, D, D, D) times a mask, less their mean at its edge: images do not tell the mean of a volume."""
    edge = (mask > 0) & (mask < 1)
    return (volumes - volumes[:, edge].mean(axis=1)[:, None, None, None]) * mask


def _mean_alone(volumes: np.ndarray) -> np.ndarray:
    volumes[1:] = 0
    return volumes


def _random_components(mean: np.ndarray, count: int, mask: np.ndarray, seed: int) -> np.ndarray:
    """Components (count, D, D, D) with the amplitudes of a mean's transform and random phases."""
    noise = np.random.default_rng(seed).normal(size=(count, *mean.shape))
    phases = spectrum_of(noise, VOLUME)
    phases /= np.maximum(np.abs(phases), 1e-12)
    return (_START * mask * values_of(phases * np.abs(spectrum_of(mean, VOLUME)), VOLUME)).astype(np.float32)


def _in_box(volumes: np.ndarray, box: int) -> np.ndarray:
    """Volumes (k, D, D, D) in a larger box of the same size in Å: 0 at higher frequencies."""
    old, first = volumes.shape[-1], box // 2 - volumes.shape[-1] // 2
    spectrum = np.zeros((len(volumes), *(box,) * 3), dtype=np.complex64)
    here = slice(first + 1, first + old)  # without -D / 2, which has no opposite
    spectrum[:, here, here, here] = spectrum_of(volumes, VOLUME)[:, 1:, 1:, 1:]
    return values_of(spectrum, VOLUME).astype(np.float32)
