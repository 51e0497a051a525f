from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.maps.volume import Grid, Volume
from cryotools.sse.elements.ridges import mean_confidence, ridge_points

GRID = Grid((40, 44, 48), (1.0, 1.0, 1.0), (5.0, -3.0, 0.0))
MIDDLE = np.array([28.0, 18.0, 20.0])


def profile(power: int, across: tuple[int, ...], width: float = 4.0) -> Volume:
    """exp(-(r / width)^power) of the distance from the middle along the axes `across` (0 is x)."""
    axes = np.meshgrid(*[GRID.axis(which) - MIDDLE[which] for which in (2, 1, 0)], indexing="ij")[::-1]
    distance = np.sqrt(sum(axes[which] ** 2 for which in across))
    return Volume.on(GRID, np.exp(-((distance / width) ** power)))


@pytest.mark.parametrize("power", [2, 8])
def test_the_ridge_of_a_rod_is_its_axis(power):
    points = ridge_points(profile(power, (0, 1)), 2.0, 2)
    assert np.abs(points[:, :2] - MIDDLE[:2]).max() < 0.3
    assert points[:, 2].min() < 3
    assert points[:, 2].max() > 36
    assert np.diff(np.sort(points[:, 2])).max() < 1.5  # no gaps


def test_a_hollow_rod_has_the_same_ridge():
    whole, hole = profile(8, (0, 1), 5.0), profile(4, (0, 1), 2.0)
    points = ridge_points(whole.with_data(np.clip(whole.data - 1.2 * hole.data, 0, 1)), 2.5, 2)
    inner = points[(points[:, 2] > 6) & (points[:, 2] < 33)]
    assert len(inner) > 15
    assert np.abs(inner[:, :2] - MIDDLE[:2]).max() < 0.5


@pytest.mark.slow
def test_the_ridge_of_a_slab_is_its_middle():
    points = ridge_points(profile(8, (1,), 3.0), 2.0, 1)
    assert np.abs(points[:, 1] - MIDDLE[1]).max() < 0.2
    assert np.ptp(points[:, 0]) > 35
    assert np.ptp(points[:, 2]) > 30


def test_a_constant_map_has_no_ridge():
    for value in (0.0, 0.9):
        assert len(ridge_points(Volume(np.full((9, 12, 15), value), (1.0, 1.0, 1.0)), 2.0, 2)) == 0


def test_confidence_is_the_mean_of_what_is_confident_nearby():
    data = np.zeros((30, 30, 30))
    data[:15] = 0.7
    data[15:] = 0.3
    found = mean_confidence(Volume(data, (1.0, 1.0, 1.0)), 2.0).data
    assert np.allclose(found[:20], 0.7, atol=1e-4)
    assert not found[-2:].any()
