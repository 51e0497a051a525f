"""Probabilistic principal component analysis of volumes from images, by expectation maximisation.

The model is that of 3D variability analysis (Punjani & Fleet, J. Struct. Biol. 213, 107702, 2021): each volume is the
mean plus a few components times z. The posterior of z is known in closed form, and given it, mean and components are a
weighted least squares at each point of the Fourier grid; the two alternate (Tipping & Bishop, J. R. Stat. Soc. B 61,
611, 1999), from low frequencies to high.

Two halves of the images have volumes of their own, and the z of each half come from the volumes of the other. So no
image's noise reinforces itself, the covariance of the halves is that of the signal, which sets the Wiener filter of
each component (as regularisation by half sets in Gilles & Singer, PNAS 122, e2419140122, 2025), and the likelihood of
images under the other half's volumes says when to stop. At full resolution the halves also show, voxel by voxel, where
each component is and where there is only solvent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.fourier import VOLUME, spectrum_of, values_of
from cryotools.heterogeneity.learning.dataset import HalfImages
from cryotools.heterogeneity.linear.posterior import InnerProducts, Posterior, posterior
from cryotools.heterogeneity.linear.prior import ShellPrior, round_mask
from cryotools.heterogeneity.linear.slices import Corners, SliceGrid
from cryotools.heterogeneity.linear.solvent import shared_share
from cryotools.heterogeneity.linear.sums import NormalSums

_AT_ONCE = 1 << 18  # Fourier values of images
_FIRST_RADIUS, _GROWTH = 6.0, 1.4  # frequency steps, and how much the radius grows from one stage to the next
_MEAN_SWEEPS, _FREE_SWEEPS, _STAGE_SWEEPS = 2, 3, 6
_GAIN = 0.02  # of log-likelihood per image, with which a stage goes on
_START = 0.2  # amplitude of the first components, × the mean's
_LEAST_SPREAD, _MOST_SPREAD = 0.03, 0.4


@dataclass(frozen=True)
class LinearTraining:
    """`zdim` components in at most `sweeps` passes over all images; `contrast` is the first guess of the spread of the
    images' scales around 1, and 0 leaves all scales at 1.
    """

    zdim: int = 8
    sweeps: int = 30
    contrast: float = 0.2
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Subspace:
    """`volumes` float32 (q + 1, D, D, D), the mean and components for z ~ N(0, 1); `spread` of the images' scales."""

    volumes: np.ndarray
    spread: float

    @property
    def deviations(self) -> np.ndarray:
        """The norms (q,) of the components: how much volumes differ along each."""
        return np.sqrt((self.volumes[1:].astype(np.float64) ** 2).sum(axis=(1, 2, 3)))


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a pass over all images found: `log_likelihood` per image and mean `squared_error`, both under the volumes of
    the half without it and within `radius`, and the `spread` of scales.
    """

    radius: float
    log_likelihood: float
    squared_error: float
    spread: float


def fit_linear(
    images: HalfImages,
    training: LinearTraining,
    *,
    after: Callable[[Sweep], None] | None = None,
    progress: Progress | None = None,
) -> Subspace:
    """Fit a subspace to images; `after` is called after every pass over them."""
    progress = progress or NoProgress()
    radii = stages(images.box / 2)
    progress.start(training.sweeps, "passes over all images")
    halves = _Halves(images, training, radii[0])
    left = training.sweeps
    for number, radius in enumerate(radii):
        if number:
            halves.widen(radius)
        best = -np.inf
        for sweep in range(min(_STAGE_SWEEPS, max(1, left - (len(radii) - 1 - number)))):
            found = halves.sweep(estimate=number > 0 or sweep >= _FREE_SWEEPS)
            left -= 1
            progress.advance()
            if after:
                after(found)
            settled = found.log_likelihood - best < _GAIN and (number > 0 or sweep > _FREE_SWEEPS)
            best = max(best, found.log_likelihood)
            if settled and sweep > 1:
                break
    return halves.joined()


def stages(last: float) -> list[float]:
    """Radii in frequency steps, from a low one to `last`."""
    found = [last]
    while found[0] / _GROWTH > _FIRST_RADIUS:
        found.insert(0, found[0] / _GROWTH)
    return found


class ImageSlices:
    """The images within `radius` frequency steps, beside slices of volumes of a box that just holds these."""

    def __init__(self, images: HalfImages, radius: float) -> None:
        distance = np.hypot(*images.frequencies.T)
        self.box = min(images.box, 2 * int(np.ceil(radius + 1)))
        inside = np.flatnonzero((distance <= radius) & (distance < self.box / 2))
        x, y = images.frequencies[inside].T
        self.pixels = inside[np.lexsort((x, y))]  # neighbours in the grid follow one another
        self.images, self.grid = images, SliceGrid(self.box, radius)
        self.frequencies = images.frequencies[self.pixels].astype(np.float32)
        self.noise = images.noise[self.pixels].astype(np.float32)

    def batches(self, which: np.ndarray) -> Iterator[np.ndarray]:
        """Parts of the images with numbers `which`."""
        size = max(1, _AT_ONCE // len(self.pixels))
        return (which[begin : begin + size] for begin in range(0, len(which), size))

    def compare(self, table: Tensor, which: np.ndarray) -> tuple[InnerProducts, Corners, np.ndarray, np.ndarray]:
        """Inner products of images with slices of the volumes in `table`; where the slices lie; the images' values and
        CTF (n, m), divided by the noise, conjugate where the opposite frequency is taken.
        """
        points = self.frequencies @ self.images.rotations[which, :2]
        corners = self.grid.corners(points.reshape(-1, 3))
        values, ctf = (each[:, self.pixels] for each in self.images.take(which))
        shape = values.shape
        values = np.where(corners.opposite.reshape(shape), values.conj(), values)
        ctf = ctf / self.noise
        count = table.shape[1] // 2
        slices = self.grid.slices(table, corners).reshape(*shape, 2, count) * torch.from_numpy(ctf)[..., None, None]
        slices = slices.reshape(shape[0], -1, count)
        image = torch.view_as_real(torch.from_numpy(values)).reshape(shape[0], -1, 1)
        turned = slices.transpose(1, 2)
        found = (turned @ slices, (turned @ image)[..., 0], image.square().sum(dim=(1, 2)))
        return InnerProducts(*(each.double().numpy() for each in found)), corners, values, ctf


class _Halves:
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
