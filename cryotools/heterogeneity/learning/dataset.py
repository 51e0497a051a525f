"""Images as a training run reads them: Fourier values, centred and whitened, with their poses and CTFs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.memory import available_bytes
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.fourier import shift_phases
from cryotools.heterogeneity.halfspace import half_circle, half_values, noise_spectrum, soft_window

_AT_ONCE = 1000  # images
_SAMPLE = 1000  # images that noise and signal are estimated from
_LEAST_NOISE = 0.02  # × the mean over frequencies; images without noise have none
_SHARE = 0.5  # of the free memory


@dataclass(frozen=True)
class ImageSource:
    """n images with poses, as they are stored.

    Attributes
    ----------
    read : gives images float32 (k, D, D) for indices (k,)
    ctf : gives the CTF (k, m) of images with indices (k,) at frequencies (m, 2), in cycles per pixel
    rotations, shifts : (n, 3, 3), x_image = R @ x_volume, and (n, 2) as fractions of the box, applied to the images
    sign : -1 where density is negative in the images
    """

    read: Callable[[np.ndarray], np.ndarray]
    ctf: Callable[[np.ndarray, np.ndarray], np.ndarray]
    rotations: np.ndarray
    shifts: np.ndarray
    box: int
    sign: float = 1.0

    def __len__(self) -> int:
        return len(self.rotations)

    def values(self, at: np.ndarray, frequencies: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Fourier values complex64 (k, m) of centred images times a `window` (D, D).

        Raises
        ------
        DataError
            An image is not finite.
        """
        images = self.read(at)
        bad = ~np.isfinite(images).all(axis=(1, 2))
        if bad.any():
            raise DataError(f"image {at[bad][0] + 1} is not finite; remove it")
        found = half_values(self.sign * images * window, frequencies)
        return found * shift_phases(self.shifts[at], frequencies)  # fractions of the box, cycles per box


@dataclass(frozen=True)
class HalfImages:
    """n images of `box` pixels on m frequencies; `take` gives some of them.

    Attributes
    ----------
    frequencies : int (m, 2), x and y, as `half_circle` lists them
    rotations : float32 (n, 3, 3), x_image = R @ x_volume
    noise : float64 (m,), standard deviation of the noise, of real and imaginary parts, by which values were divided
    signal : float64 (m,), root-mean-square amplitude of the volume's values at this frequency, divided by `noise`
    amplitude : float64 (m,), root-mean-square of real and imaginary parts of the images' values, divided by `noise`
    kept : values complex64 and CTF float32 of all images of `source`, or None if they are read when they are taken
    index : int (n,), which of them these are; None: all
    """

    source: ImageSource
    frequencies: np.ndarray
    rotations: np.ndarray
    noise: np.ndarray
    signal: np.ndarray
    amplitude: np.ndarray
    kept: tuple[np.ndarray, np.ndarray] | None = None
    index: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rotations)

    @property
    def box(self) -> int:
        """Pixels along an edge."""
        return self.source.box

    def take(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values complex64 (k, m) of centred images, divided by `noise`, and their CTF float32 (k, m), of the images
        with indices (k,).
        """
        at = at if self.index is None else self.index[at]
        if self.kept is not None:
            values, ctf = self.kept
            return values[at], ctf[at]
        values = self.source.values(at, self.frequencies, soft_window(self.box))
        return _divided(values, self.noise), self.source.ctf(at, self.frequencies / self.box).astype(np.float32)

    def part(self, at: np.ndarray) -> HalfImages:
        """The images with indices (k,), which share memory with these."""
        index = at if self.index is None else self.index[at]
        return replace(self, rotations=self.rotations[at], index=index)

    def by_radius(self, values: np.ndarray) -> np.ndarray:
        """Values (m,) that depend on the distance from the origin alone, at 0, 1, … D / 2: (D / 2 + 1,)."""
        radius = np.hypot(*self.frequencies.T)
        order = np.argsort(radius, kind="stable")
        return np.interp(np.arange(self.box // 2 + 1), radius[order], values[order])


def kept_bytes(count: int, box: int) -> int:
    """The memory that the values and CTFs of `count` images of `box` pixels take if they are kept."""
    return 12 * count * len(half_circle(box))


def fit_into_memory(count: int, box: int) -> bool:
    """Whether so many images are kept in memory: if they take at most half of what is free."""
    return kept_bytes(count, box) <= _SHARE * available_bytes()


def half_images(
    source: ImageSource, *, whiten: bool = True, keep: bool | None = None, progress: Progress | None = None
) -> HalfImages:
    """Prepare images.

    Parameters
    ----------
    whiten : divide by the noise's standard deviation at each frequency instead of its mean
    keep : hold all values in memory; None does so if they fit into half of what is free

    Raises
    ------
    DataError
        An image is not finite, or all are constant.
    """
    n, frequencies, window = len(source), half_circle(source.box), soft_window(source.box)
    some = np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(int))
    images = source.read(some)
    # of a real or imaginary part, once the window has taken its share
    noise = noise_spectrum(images, frequencies) * np.sqrt(np.mean(window**2) / 2)
    if not whiten:
        noise = np.full_like(noise, np.sqrt(np.mean(noise**2)))
    power = np.mean(np.abs(half_values(images, frequencies)) ** 2, axis=0)
    if np.all(power == 0):
        raise DataError("all images are constant")
    noise = np.maximum(noise, _LEAST_NOISE * np.sqrt(power.mean()))
    values = _divided(source.values(some, frequencies, window), noise)
    signal, amplitude = _amplitudes(values, source.ctf(some, frequencies / source.box), frequencies)
    prepared = HalfImages(source, frequencies, source.rotations.astype(np.float32), noise, signal, amplitude)
    if keep is None:
        keep = fit_into_memory(n, source.box)
    return _kept(prepared, progress or NoProgress()) if keep else prepared


def _kept(images: HalfImages, progress: Progress) -> HalfImages:
    """The same images, all of them in memory."""
    shape = len(images), len(images.frequencies)
    values, ctf = np.empty(shape, dtype=np.complex64), np.empty(shape, dtype=np.float32)
    progress.start(len(images), "reading images")
    for begin in range(0, len(images), _AT_ONCE):
        at = np.arange(begin, min(begin + _AT_ONCE, len(images)))
        values[at], ctf[at] = images.take(at)
        progress.advance(len(at))
    return replace(images, kept=(values, ctf))


def _divided(values: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return (values / noise).astype(np.complex64)


def _amplitudes(values: np.ndarray, ctf: np.ndarray, frequencies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Root-mean-square amplitudes (m,), from whitened values (k, m), of what the CTF multiplies, and of the real and
    imaginary parts of the values.

    The former is mean power in rings beyond 2, the noise's, over the mean square of the CTF; it never rises with
    frequency, and is at least a hundredth of its maximum.
    """
    ring = np.rint(np.hypot(*frequencies.T)).astype(int)
    count = np.maximum(np.bincount(ring), 1)
    power = np.bincount(ring, (np.abs(values) ** 2).mean(axis=0)) / count
    square = np.bincount(ring, (ctf**2).mean(axis=0)) / count
    amplitude = np.sqrt(np.maximum(power[1:] - 2, 0) / np.maximum(square[1:], 1e-3))
    amplitude = np.maximum.accumulate(amplitude[::-1])[::-1]
    amplitude = np.maximum(amplitude, max(0.01 * amplitude.max(initial=0), 1e-6))
    return np.concatenate([amplitude[:1], amplitude])[ring], np.sqrt(power / 2)[ring]
