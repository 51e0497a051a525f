"""The handedness of a map, determined from its helices: is the density around their axes right- or left-handed?

On a cylinder around its axis an α helix is a band that rises 5.4 Å per turn, so in cylindrical coordinates its density
contains waves exp(i(φ - 2πz/5.4)) if it is right-handed, as nearly all are, and exp(i(φ + 2πz/5.4)) in the mirror
image. The powers of the two are compared. On ten experimental maps from 1.75 to 4 Å the right-handed power was 1.4 to
78 times as large; at 4.3 Å the ratio is 1.1 to 3.3, and beyond that the turns are not resolved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cryotools.core.maps.volume import Volume
from cryotools.sse.elements.find import RISE, Element
from cryotools.sse.truth.assign import HELIX

_WINDOW = 13.5  # Å along an axis: two and a half turns
_STEP = 3  # points of the axis between windows
_PITCHES = (4.9, 5.4, 6.0)  # Å per turn
_RADII = (1.5, 2.0, 2.5, 3.0)  # Å from the axis, around the backbone
_ALONG, _AROUND = 0.5, 24  # Å along the axis, and the number of directions around it


@dataclass(frozen=True)
class Winding:
    """Power of the `right`- and `left`-handed density, in the map's scale squared, and the number of `stretches` of
    helix that were examined.
    """

    right: float
    left: float
    stretches: int


def winding(volume: Volume, elements: Sequence[Element]) -> Winding:
    """How the density of `volume` winds around the helices among `elements` that have at least two and a half turns."""
    stretches = [part for one in elements if one.which == HELIX for part in _windows(one.points)]
    right, left = sum((_power(volume, part) for part in stretches), np.zeros(2))
    return Winding(float(right), float(left), len(stretches))


def _windows(axis: np.ndarray) -> list[np.ndarray]:
    """Overlapping stretches of an axis (n, 3)."""
    length = int(_WINDOW / RISE) + 1
    return [axis[start : start + length] for start in range(0, len(axis) - length + 1, _STEP)]


def _power(volume: Volume, axis: np.ndarray) -> np.ndarray:
    """The right- and left-handed power around a straight line through a stretch of axis (n, 3)."""
    middle = axis.mean(axis=0)
    along = np.linalg.svd(axis - middle)[2][0]  # the direction does not matter: handedness is the same from both ends
    across = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
    across /= np.linalg.norm(across)
    z = np.arange(-_WINDOW / 2, _WINDOW / 2 + _ALONG / 2, _ALONG)
    phi = 2 * np.pi * np.arange(_AROUND) / _AROUND
    outwards = np.cos(phi)[:, None] * across + np.sin(phi)[:, None] * np.cross(along, across)
    radius = np.array(_RADII)
    places = middle + z[:, None, None, None] * along + radius[:, None] * outwards[:, None, :]
    density = volume.sample(places.reshape(-1, 3)).reshape(places.shape[:-1]).astype(np.float64)
    density -= density.mean(axis=(0, 1))
    fade = np.cos(np.pi * z / (_WINDOW + 2 * _ALONG)) ** 2
    turns = np.exp(1j * phi)
    total = np.zeros(2)
    for pitch in _PITCHES:
        rise = fade * np.exp(-2j * np.pi * z / pitch)
        waves = [np.einsum("z,zpr,p->r", rise, density, around) for around in (turns, turns.conj())]
        total += [float((np.abs(wave) ** 2).sum()) for wave in waves]
    return total
