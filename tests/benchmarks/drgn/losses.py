"""A loss that is the same for all programs: images against slices of the volumes at their own places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from cryotools.heterogeneity.ensemble import EnsembleRun
from cryotools.heterogeneity.fourier import slice_frequencies
from cryotools.heterogeneity.imported.decoder import CryodrgnDecoder
from cryotools.heterogeneity.imported.run import CryodrgnRun
from cryotools.heterogeneity.learning.dataset import HalfImages
from cryotools.heterogeneity.predict import DrgnRun
from cryotools.heterogeneity.simulation.projector import Projector
from cryotools.heterogeneity.truth import Truth

_AT_ONCE = 64  # images


@dataclass(frozen=True)
class Loss:
    """Mean squared error of Fourier values below half a cycle per pixel, centre left out.

    Attributes
    ----------
    noise : in units of the noise's variance; perfect predictions of images with this noise have 1
    variance : as part of the mean square of the images, which is what cryoDRGN calls the generator's loss
    """

    noise: float
    variance: float


class Judge:
    """The prepared `images` of a particle set, windowed and centred, and how well they are predicted."""

    def __init__(self, images: HalfImages) -> None:
        self.images = images
        self.below = np.hypot(*images.frequencies.T) < images.box / 2
        self.frequencies = images.frequencies[self.below] / images.box
        self.noise = images.noise[self.below]

    def of_run(self, run: EnsembleRun, rows: np.ndarray, places: np.ndarray) -> Loss:
        """The loss of a run of a network on images with indices `rows` (k,), which have these `places` (k, zdim)."""
        parts = np.array_split(np.arange(len(rows)), max(len(rows) // _AT_ONCE, 1))
        return self._compared([(rows[part], self._slices(run, rows[part], places[part])) for part in parts])

    def of_truth(self, truth: Truth, rows: np.ndarray) -> Loss:
        """The loss of the true volumes; their common scale is the one that fits best."""
        project, found = Projector(self.images.box), []
        for state in np.unique(truth.states[rows]):
            some = rows[truth.states[rows] == state]
            planes = slice_frequencies(self.frequencies, self.images.rotations[some])
            found.append((some, project.slices(project.spectrum(truth.volume(int(state)).data), planes)))
        return self._compared(found, fitted=True)

    def _slices(self, run: EnsembleRun, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Values (k, m) of volumes of `run` in the planes of images, without CTF."""
        rotations = torch.from_numpy(self.images.rotations[rows])
        planes = slice_frequencies(torch.from_numpy(self.frequencies).float(), rotations)
        latent = torch.from_numpy(places).float()
        with torch.inference_mode():
            if isinstance(run, CryodrgnRun):
                values = torch.stack([_peer_slice(run.decoder, *each) for each in zip(planes, latent, strict=True)])
                mean, deviation = run.norm
                return deviation * torch.view_as_complex(values).numpy() + mean
            assert isinstance(run, DrgnRun)
            assert np.allclose(run.noise, self.images.by_radius(self.images.noise), rtol=1e-3), "of other images"
            values = run.network.decoder(planes, latent if run.zdim else None)
            return torch.view_as_complex(values.contiguous()).numpy() * self.noise

    def _compared(self, predicted: list[tuple[np.ndarray, np.ndarray]], *, fitted: bool = False) -> Loss:
        """Images by their indices and slices (k, m) of their volumes."""
        pairs = []
        for rows, slices in predicted:
            values, ctf = self.images.take(rows)
            pairs.append((values[:, self.below], slices * ctf[:, self.below] / self.noise))
        seen, made = (np.concatenate(each) for each in zip(*pairs, strict=True))
        if fitted:
            made = made * ((seen * made.conj()).real.sum() / (np.abs(made) ** 2).sum())
        rest, power = np.abs(seen - made) ** 2, np.abs(seen) ** 2
        weight = self.noise**2
        return Loss(float(rest.mean() / 2), float((rest * weight).sum() / (power * weight).sum()))


def _peer_slice(decoder: CryodrgnDecoder, plane: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Values (m, 2) of cryoDRGN's decoder at frequencies (m, 3) in cycles per voxel: those at z > 0 are conjugates."""
    mirrored = plane[:, 2:] > 0
    points = torch.where(mirrored, -plane, plane) * (2 * decoder.settings.extent)
    found = decoder(points, place)
    return torch.cat([found[:, :1], torch.where(mirrored, -found[:, 1:], found[:, 1:])], dim=1)
