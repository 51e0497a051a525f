"""The hand of helices, on ideal ones whose hand is known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from cryotools.core.errors import CryotoolsWarning
from cryotools.core.maps.volume import Volume
from cryotools.sse.check import check_hand
from cryotools.sse.elements.find import Element
from cryotools.sse.elements.hand import winding
from cryotools.sse.truth.assign import HELIX, SHEET

LENGTH = 30.0


def helix(hand: int, direction, noise: float = 0.0, which: int = HELIX) -> tuple[Volume, list[Element]]:
    """Blobs at the Cα atoms of an ideal α helix (1.5 Å and 100° per residue, 2.3 Å from the axis), and its axis."""
    z = np.arange(0, LENGTH, 0.5)
    angle = hand * np.radians(100) / 1.5 * z
    ideal = np.stack([2.3 * np.cos(angle), 2.3 * np.sin(angle), z - LENGTH / 2], axis=1)
    turn = np.linalg.qr(np.column_stack([direction, [0.3, 0.8, -0.1], [0.9, -0.2, 0.4]]))[0][:, [1, 2, 0]]
    turn[:, 0] *= np.linalg.det(turn)  # no reflection, which would change the hand
    grid = np.stack(np.meshgrid(*[np.arange(-22.0, 23.0)] * 3, indexing="ij"), axis=-1)[..., ::-1]
    data = np.random.default_rng(0).standard_normal(grid.shape[:3]) * noise
    for atom in ideal @ turn.T:
        data += np.exp(-((grid - atom) ** 2).sum(axis=-1) / (2 * 1.2**2))
    axis = np.arange(-LENGTH / 2, LENGTH / 2, 1.5)[:, None] * turn[:, 2]
    volume = Volume(data.astype(np.float32), (1.0, 1.0, 1.0), (-22.0, -22.0, -22.0))
    return volume, [Element(which, axis, np.ones(len(axis)), LENGTH)]


@pytest.mark.slow
@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0.2, 0), (0.5, -0.6, 0.7)])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_density_winds_as_the_helix_does(direction, noise):
    right, left = (winding(*helix(hand, direction, noise)) for hand in (1, -1))
    assert right.right > 10 * right.left
    assert left.left > 10 * left.right
    assert right.stretches > 2


def test_the_sense_of_an_axis_does_not_matter():
    volume, (element,) = helix(1, (0.2, 0.1, 1))
    turned = Element(HELIX, element.points[::-1], element.confidence, LENGTH)
    assert winding(volume, [turned]).right == pytest.approx(winding(volume, [element]).right, rel=0.1)


@pytest.mark.slow
def test_a_map_of_the_wrong_hand_is_told():
    with pytest.warns(CryotoolsWarning, match="left-handed"):
        check_hand(*helix(-1, (0, 0, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_hand(*helix(1, (0, 0, 1)))
        check_hand(*helix(-1, (0, 0, 1), which=SHEET))


def test_noise_has_no_hand():
    volume, elements = helix(1, (0, 0, 1))
    noise = volume.with_data(np.random.default_rng(1).standard_normal(volume.data.shape))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_hand(noise, elements)
