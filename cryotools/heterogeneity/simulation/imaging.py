"""Images of states: projected, shifted, multiplied with the CTF, and with noise.

States are projected by their Fourier transforms (central slice theorem), all images of a state together, in runs of
images that fit into memory. Particles are light on dark, as in RELION and cryoSPARC: an image is -CTF × projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cryotools.core.maps.volume import Volume
from cryotools.core.memory import available_bytes
from cryotools.core.progress import Progress
from cryotools.heterogeneity.ctf import ctf
from cryotools.heterogeneity.fourier import shift_phases, slice_frequencies, values_of
from cryotools.heterogeneity.halfspace import half_circle
from cryotools.heterogeneity.simulation.draws import BLOBS, OFF_CENTRE, PARTICLE, Draws, Imaging
from cryotools.heterogeneity.simulation.projector import Projector

_BATCH_VALUES = 1 << 19  # Fourier values at a time
_RUN = 1 << 26  # bytes of images that are made together
_MEMORY = 0.2  # share of the free memory for spectra of states, or else for a longer run of images
_TOGETHER = 256  # images that are handed out together
_SAMPLE = 2000  # images that the variance of the signal is measured on
_BLOBS = 12  # in an image of blobs
_NOISE_STREAM, _BLOB_STREAM = 1, 2  # of random numbers, beside those of what is drawn


@dataclass(eq=False)
class Camera:
    """Takes the images of `draws`; `volume(k)` is that of state k, of `n_states`."""

    volume: Callable[[int], Volume]
    n_states: int
    draws: Draws
    imaging: Imaging
    _spectra: dict[int, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        box = self.imaging.box
        self.projector = Projector(box)
        self.frequencies = np.concatenate([np.zeros((1, 2)), half_circle(box, rim=False) / box])
        self._keep = 8 * int(np.prod(self.projector.shape)) * self.n_states < _MEMORY * available_bytes()

    def signal_variance(self) -> float:
        """The variance over all pixels of images without noise, from up to 2000 that are no junk."""
        true = np.flatnonzero(self.draws.kinds == PARTICLE)
        true = true[np.unique(np.linspace(0, len(true) - 1, min(_SAMPLE, len(true))).astype(np.int64))]
        total, means = 0.0, []
        for _, values in self._transforms(true):
            total += float((np.abs(values[:, 1:]) ** 2).sum()) * 2  # by Parseval; each value stands for a pair
            means.append(values[:, 0].real)
        pixels = self.imaging.box**2
        return total / pixels**2 / len(true) + float(np.var(np.concatenate(means) / pixels))

    def images(self, scale: float, noise: bool, progress: Progress) -> Iterator[np.ndarray]:
        """All images in order, float32 (k, D, D) at a time: what was drawn times `scale`, and noise of variance 1."""
        box, random = self.imaging.box, np.random.default_rng((self.imaging.seed, _NOISE_STREAM))
        # where spectra of states are not kept, each is made once per run
        room = _RUN if self._keep else max(_RUN, int(_MEMORY * available_bytes()))
        at_once = max(1, room // (4 * box**2))
        progress.start(len(self.draws), "images")
        for start in range(0, len(self.draws), at_once):
            run = np.arange(start, min(start + at_once, len(self.draws)))
            images, left = np.zeros((len(run), box, box), dtype=np.float32), len(run)
            for which, values in self._transforms(run):
                images[which - start] = scale * self._image(values)
                left -= len(which)
                progress.advance(len(which))
            if noise:
                for image in images:
                    image += random.standard_normal((box, box), dtype=np.float32)
            progress.advance(left)  # images of noise alone
            yield from (images[at : at + _TOGETHER] for at in range(0, len(images), _TOGETHER))

    def _transforms(self, which: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Fourier values of images with CTF, in batches: their numbers (k,), a part of `which`, and values (k, m)."""
        kinds, shown = self.draws.kinds[which], self.draws.shown[which]
        showing = np.isin(kinds, (PARTICLE, OFF_CENTRE))
        for state in np.unique(shown[showing]):
            for part in self._batches(which[showing & (shown == state)]):
                yield part, self._with_ctf(part, self._projections(int(state), part))
        for part in self._batches(which[kinds == BLOBS]):
            yield part, self._with_ctf(part, self._blobs(part))

    def _batches(self, which: np.ndarray) -> Iterator[np.ndarray]:
        size = max(1, _BATCH_VALUES // len(self.frequencies))
        return (which[start : start + size] for start in range(0, len(which), size))

    def _projections(self, state: int, which: np.ndarray) -> np.ndarray:
        points = slice_frequencies(self.frequencies, self.draws.poses.rotations[which]).astype(np.float32)
        return self.projector.slices(self._spectrum(state), points)

    def _spectrum(self, state: int) -> np.ndarray:
        if state not in self._spectra:
            if not self._keep:
                self._spectra.clear()
            self._spectra[state] = self.projector.spectrum(self.volume(state).data)
        return self._spectra[state]

    def _blobs(self, which: np.ndarray) -> np.ndarray:
        """Random blobs in the middle of the box, together as heavy as state 0."""
        values = np.empty((len(which), len(self.frequencies)), dtype=np.complex64)
        box, square = self.imaging.box, (self.frequencies**2).sum(axis=1)
        for at, image in enumerate(which):
            random = np.random.default_rng((self.imaging.seed, _BLOB_STREAM, int(image)))
            centres = random.normal(0, box / 8, (_BLOBS, 2))
            widths = random.uniform(box / 32, box / 10, (_BLOBS, 1))
            blobs = np.exp(-2 * (np.pi * widths) ** 2 * square - 2j * np.pi * centres @ self.frequencies.T)
            values[at] = blobs.mean(axis=0) * self._mass
        return values

    @cached_property
    def _mass(self) -> float:
        return float(self.volume(0).data.sum(dtype=np.float64))

    def _with_ctf(self, which: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The values of projections, moved away from the centre, and times contrast and CTF."""
        draws, box = self.draws, self.imaging.box
        moves = draws.offsets[which] - draws.poses.shifts[which] * box
        found = values * shift_phases(moves, self.frequencies) * draws.contrast[which, None]
        if draws.ctf is None:
            return found
        frequencies = self.frequencies / self.imaging.voxel_size
        envelope = np.exp(-self.imaging.b_factor / 4 * (frequencies**2).sum(axis=1))
        return found * (-ctf(draws.ctf[which], frequencies) * envelope)

    def _image(self, values: np.ndarray) -> np.ndarray:
        """Images (k, D, D) of Fourier values (k, m)."""
        box = self.imaging.box
        spectrum = np.zeros((len(values), box, box), dtype=np.complex64)
        x, y = (np.rint(self.frequencies * box).astype(np.int64) + box // 2).T
        spectrum[:, y, x] = 2 * values  # the other half of the pairs is 0: the real part is half their sum
        spectrum[:, box // 2, box // 2] = values[:, 0]
        return values_of(spectrum)
