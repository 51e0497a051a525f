"""Images as a training run reads them: Fourier values, centred and whitened, with their poses and CTFs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.fourier import shift_phases
from cryotools.heterogeneity.halfspace import half_values, noise_spectrum, soft_window
from cryotools.heterogeneity.network import half_circle

_AT_ONCE = 1000  # images
_SAMPLE = 1000  # images that noise and signal are estimated from
_LEAST_NOISE = 0.02  # × the mean over frequencies; images without noise have none


@dataclass(frozen=True)
class HalfImages:
    """n images of `box` pixels on m frequencies.

    Attributes
    ----------
    frequencies : int (m, 2), x and y, as `half_circle` lists them
    values : complex64 (n, m), of centred images, divided by `noise`
    ctf : float32 (n, m)
    rotations : float32 (n, 3, 3), x_image = R @ x_volume
    noise : float64 (m,), standard deviation of the noise, of real and imaginary parts, by which values were divided
    signal : float64 (m,), root-mean-square amplitude of the volume's values at this frequency, divided by `noise`
    """

    box: int
    frequencies: np.ndarray
    values: np.ndarray
    ctf: np.ndarray
    rotations: np.ndarray
    noise: np.ndarray
    signal: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def by_radius(self, values: np.ndarray) -> np.ndarray:
        """Values (m,) that depend on the distance from the origin alone, at 0, 1, … D / 2: (D / 2 + 1,)."""
        radius = np.hypot(*self.frequencies.T)
        order = np.argsort(radius, kind="stable")
        return np.interp(np.arange(self.box // 2 + 1), radius[order], values[order])


def half_images(
    read: Callable[[np.ndarray], np.ndarray],
    rotations: np.ndarray,
    shifts: np.ndarray,
    ctf: Callable[[np.ndarray], np.ndarray],
    box: int,
    *,
    sign: float = 1.0,
    whiten: bool = True,
    progress: Progress | None = None,
) -> HalfImages:
    """Prepare n images.

    Parameters
    ----------
    read : gives images float32 (k, D, D) for indices (k,)
    rotations, shifts : (n, 3, 3), and (n, 2) as fractions of the box, applied to the images
    ctf : gives the CTF (n, m) at frequencies (m, 2), in cycles per pixel
    sign : -1 where density is negative in the images
    whiten : divide by the noise's standard deviation at each frequency instead of its mean

    Raises
    ------
    DataError
        An image is not finite, or all are constant.
    """
    n, frequencies, window = len(rotations), half_circle(box), soft_window(box)
    sample = read(np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(int)))
    # of a real or imaginary part, once the window has taken its share
    noise = noise_spectrum(sample, frequencies) * np.sqrt(np.mean(window**2) / 2)
    if not whiten:
        noise = np.full_like(noise, np.sqrt(np.mean(noise**2)))
    power = np.mean(np.abs(half_values(sample, frequencies)) ** 2, axis=0)
    if np.all(power == 0):
        raise DataError("all images are constant")
    noise = np.maximum(noise, _LEAST_NOISE * np.sqrt(power.mean()))
    values = np.empty((n, len(frequencies)), dtype=np.complex64)
    progress = progress or NoProgress()
    progress.start(n, "reading images")
    for begin in range(0, n, _AT_ONCE):
        at = np.arange(begin, min(begin + _AT_ONCE, n))
        images = read(at)
        bad = ~np.isfinite(images).all(axis=(1, 2))
        if bad.any():
            raise DataError(f"image {at[bad][0] + 1} is not finite; remove it")
        found = half_values(sign * images * window, frequencies)
        values[at] = found * shift_phases(shifts[at], frequencies) / noise  # fractions of the box, cycles per box
        progress.advance(len(at))
    factors = ctf(frequencies / box).astype(np.float32)
    signal = _signal(values, factors, frequencies)
    return HalfImages(box, frequencies, values, factors, rotations.astype(np.float32), noise, signal)


def _signal(values: np.ndarray, ctf: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Root-mean-square amplitude (m,) of what the CTF multiplies, of whitened values: mean power in rings beyond 2, the
    noise's, over the mean square of the CTF; it never rises with frequency, and is at least a hundredth of its maximum.
    """
    ring = np.rint(np.hypot(*frequencies.T)).astype(int)
    count = np.maximum(np.bincount(ring), 1)
    power = np.bincount(ring, (np.abs(values) ** 2).mean(axis=0)) / count
    square = np.bincount(ring, (ctf**2).mean(axis=0)) / count
    amplitude = np.sqrt(np.maximum(power[1:] - 2, 0) / np.maximum(square[1:], 1e-3))
    amplitude = np.maximum.accumulate(amplitude[::-1])[::-1]
    amplitude = np.maximum(amplitude, max(0.01 * amplitude.max(initial=0), 1e-6))
    return np.concatenate([amplitude[:1], amplitude])[ring]
