"""The sign of images: whether particles are lighter or darker than their surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.heterogeneity.halfspace import half_circle, half_values
from cryotools.heterogeneity.sample import ImageSample

_RADII = (0.25, 0.4, 0.6)  # of half the box: discs that may hold the particle
_RING = (0.8, 1.0)  # its surroundings
_CLEAR = 5.0  # standard errors


@dataclass(frozen=True)
class ImageContrast:
    """`sign` to multiply images with, 1 or -1, so that they are the CTF times a projection of positive density.

    `evidence` is the difference of particles and surroundings in standard errors; `light` if they are lighter.
    """

    sign: int
    evidence: float
    light: bool

    @property
    def is_clear(self) -> bool:
        """Whether the images leave no doubt."""
        return self.evidence >= _CLEAR

    def __str__(self) -> str:
        kind = "light on dark" if self.light else "dark on light"
        return f"particles are {kind}; {self.decision}"

    @property
    def decision(self) -> str:
        """What is done with the images, in words."""
        return f"images are {'taken as they are' if self.sign > 0 else 'negated'}"


def image_contrast(sample: ImageSample) -> ImageContrast:
    """The sign of images, from the mean radial profile of images that are centred and multiplied with their CTF, which
    makes the density of either CTF positive at the centre.
    """
    differences = _differences(sample)
    mean, error = differences.mean(axis=1), differences.std(axis=1) / np.sqrt(max(differences.shape[1], 1))
    evidence = np.divide(mean, error, out=np.sign(mean) * 1e6, where=error > 1e-6 * np.abs(mean))
    clearest = int(np.abs(evidence).argmax())
    sign = 1 if mean[clearest] >= 0 else -1
    low = sample.ctf[:, np.hypot(*sample.frequencies.T) < 3.5 / sample.box].mean()
    return ImageContrast(sign, float(abs(evidence[clearest])), light=sign * low > 0)


def _differences(sample: ImageSample) -> np.ndarray:
    """Mean of the disc less that of the ring, for each radius and image (3, n)."""
    box = sample.box
    y, x = np.mgrid[:box, :box] - box // 2
    radius = np.hypot(x, y) / (box / 2)
    ring = (radius >= _RING[0]) & (radius < _RING[1])
    masks = [(radius < inner) / (radius < inner).sum() - ring / ring.sum() for inner in _RADII]
    # inner products in real space are those of the transforms
    transforms = half_values(np.array(masks, dtype=np.float32), half_circle(box, rim=False))
    return (transforms.conj() @ (sample.moved(sample.poses.shifts) * sample.ctf).T).real
