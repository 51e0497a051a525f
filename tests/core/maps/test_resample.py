from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryotools.core.errors import UsageError
from cryotools.core.maps.resample import (
    METHODS,
    grid_at_spacing,
    interpolate,
    interpolate_each,
    resample,
    support,
    whole_shift,
)
from cryotools.core.maps.volume import Grid, Volume

COARSE = Grid((31, 31, 31), (1.3, 1.3, 1.3))
FINE = grid_at_spacing(COARSE, 1.0)
CENTRE = (18.3, 19.1, 20.2)


def gaussian(grid: Grid, centre: tuple[float, float, float], sigma: float) -> Volume:
    x, y, z = (np.exp(-0.5 * ((grid.axis(a) - c) / sigma) ** 2) for a, c in enumerate(centre))
    return Volume.on(grid, z[:, None, None] * y[:, None] * x)


def wave(grid: Grid, cycles_per_length: float, axis: int) -> Volume:
    """cos along one axis (0 is x) that is mirrored at both faces, as the Fourier method takes maps to be."""
    shape = [1, 1, 1]
    shape[2 - axis] = -1
    at = np.linspace(0, 1, grid.shape[2 - axis]).reshape(shape)
    return Volume.on(grid, np.broadcast_to(np.cos(np.pi * cycles_per_length * at), grid.shape))


def relative_rmse(found: Volume, wanted: Volume) -> float:
    return float(np.sqrt(((found.data - wanted.data) ** 2).mean() / (wanted.data**2).mean()))


def sampling_floor(sigma: float, step: float) -> float:
    """The share of a Gaussian that samples `step` apart cannot tell, per axis lost once and aliased once."""
    return math.sqrt(6 * math.erfc(math.pi * sigma / step))


@pytest.mark.parametrize("sigma", [1.5, 1.7, 2.0, 3.0])
def test_fourier_loses_no_more_than_sampling_itself_does(sigma):
    found = resample(gaussian(COARSE, CENTRE, sigma), FINE)
    assert relative_rmse(found, gaussian(FINE, CENTRE, sigma)) < max(sampling_floor(sigma, 1.3), 1e-6)


def test_methods_rank_fourier_cubic_linear():
    wanted = gaussian(FINE, CENTRE, 1.8)
    fourier, cubic, linear = (relative_rmse(resample(gaussian(COARSE, CENTRE, 1.8), FINE, m), wanted) for m in METHODS)
    assert fourier < 5e-4
    assert cubic < 5e-3
    assert linear > 5 * cubic


def test_grids_may_be_offset_and_voxels_need_not_be_cubic():
    source = Grid((30, 36, 40), (1.3, 1.1, 1.5), (3.0, -4.0, 7.0))
    target = Grid((33, 30, 38), (1.0, 1.25, 0.9), (10.1, -1.3, 11.7))
    centre = (32.0, 15.0, 28.0)
    limits = {"fourier": 1e-6, "cubic": 1e-3, "linear": 0.05}
    for method in METHODS:
        found = resample(gaussian(source, centre, 3.0), target, method)
        assert relative_rmse(found, gaussian(target, centre, 3.0)) < limits[method]


def test_going_to_a_finer_grid_and_back_is_the_identity():
    noise = Volume(np.random.default_rng(0).random((11, 21, 31), dtype=np.float32), (1.3, 1.3, 1.3), (5, 6, 7))
    fine = Grid((14, 27, 40), (1.0, 1.0, 1.0), (5, 6, 7))  # 13 Å is ten voxels of 1.3 and thirteen of 1
    back = resample(resample(noise, fine), noise.grid)
    assert np.abs(back.data - noise.data).max() < 5e-6


def test_going_to_a_coarser_grid_and_back_is_the_identity_below_its_nyquist_frequency():
    smooth = gaussian(Grid((40, 40, 40), (1.0, 1.0, 1.0)), (19.0, 20.0, 18.5), 3.5)
    back = resample(resample(smooth, Grid((27, 27, 27), (1.5, 1.5, 1.5))), smooth.grid)
    assert relative_rmse(back, smooth) < 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_the_same_grid_returns_the_same_values(method):
    volume = gaussian(COARSE, CENTRE, 1.0)
    assert np.array_equal(resample(volume, COARSE, method).data, volume.data)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, derandomize=True, max_examples=10)
@given(by=st.tuples(*[st.integers(-3, 3)] * 3))
def test_moving_both_grids_moves_the_result(method, by):
    shift = np.array(by) * 1.3
    source = gaussian(COARSE, CENTRE, 2.0)
    moved = Volume(source.data, source.voxel_size, tuple(np.add(source.origin, shift)))
    target = Grid(FINE.shape, FINE.voxel_size, tuple(np.add(FINE.origin, shift)))
    assert np.allclose(resample(moved, target, method).data, resample(source, FINE, method).data, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_cutting_off_empty_space_does_not_change_the_rest(method):
    source = gaussian(COARSE, CENTRE, 2.0)
    part = source.crop((3, 2, 1), (28, 27, 28))
    inner = Grid((20, 20, 20), (1.0, 1.0, 1.0), (8.0, 9.0, 10.0))
    assert np.allclose(resample(part, inner, method).data, resample(source, inner, method).data, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_linear_ramps_of_position_stay_where_they_are(method):
    # a change of voxel size that keeps the box's corners and not voxel centres, the classic mistake, is 0.15 Å off;
    # the Fourier method rings by up to 0.03 because the mirrored ramp has a kink at each face
    x = COARSE.axis(0)
    source = Volume.on(COARSE, np.broadcast_to(x, COARSE.shape))
    found = resample(source, FINE, method)
    inner = slice(8, -8)
    wanted = np.broadcast_to(FINE.axis(0), FINE.shape)
    assert np.abs(found.data - wanted)[inner, inner, inner].max() < 0.05


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("axis", range(3))
def test_density_at_one_face_does_not_leak_to_the_opposite_one(method, axis):
    centre = [20.0, 20.0, 20.0]
    centre[axis] = 0.0
    found = resample(gaussian(COARSE, tuple(centre), 2.5), FINE, method).data
    far = np.take(found, range(-8, 0), axis=2 - axis)
    assert np.abs(far).max() < 1e-4 * found.max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("axis", range(3))
def test_a_wave_beyond_the_new_nyquist_frequency_vanishes(method, axis):
    source = Grid((41, 41, 41), (1.0, 1.0, 1.0))
    coarse = Grid((21, 21, 21), (2.0, 2.0, 2.0))
    kept, lost = wave(source, 12, axis), wave(source, 28, axis)  # the new limit is 20
    assert np.abs(resample(lost, coarse, method).data).max() < 1e-5
    assert np.abs(lost.data[::2, ::2, ::2]).max() > 0.9  # plain decimation aliases it
    assert np.abs(resample(kept, coarse, method).data - wave(coarse, 12, axis).data).max() < 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_outside_the_volume_is_0(method):
    volume = Volume(np.ones((6, 6, 6)), (1.0, 1.0, 1.0))
    found = resample(volume, Grid((10, 10, 10), (1.0, 1.0, 1.0), (-2.0, -2.0, -2.0)), method).data
    assert np.allclose(found[2:8, 2:8, 2:8], 1, atol=1e-5)
    assert found.sum(dtype=float) == pytest.approx(216, rel=1e-5)
    assert not resample(volume, Grid((3, 3, 3), (1.0, 1.0, 1.0), (50.0, 0.0, 0.0)), method).data.any()


@pytest.mark.parametrize("method", METHODS)
def test_constants_stay_constant_to_the_faces(method):
    volume = Volume(np.full((9, 8, 7), 3.0), (1.3, 1.1, 0.9), (2, 3, 4))
    found = resample(volume, grid_at_spacing(volume.grid, 0.7), method).data
    assert np.allclose(found, 3, atol=1e-5)


def test_a_grid_at_a_spacing_ends_at_or_before_the_last_voxel():
    assert FINE.shape == (40, 40, 40)  # 30 voxels of 1.3 Å span 39 Å
    assert grid_at_spacing(Grid((2, 11, 3), (0.7, 0.3, 1.0), (1, 2, 3)), 0.5).shape == (3, 7, 3)
    assert grid_at_spacing(COARSE, 1.3).same_as(COARSE)


def test_a_single_plane_can_be_resampled():
    volume = Volume(np.random.default_rng(0).random((1, 5, 5)), (1.0, 1.0, 1.0))
    found = resample(volume, Grid((1, 9, 9), (0.5, 0.5, 0.5)))
    assert np.allclose(found.data[:, ::2, ::2], volume.data, atol=1e-5)


def test_unknown_methods_are_refused():
    with pytest.raises(UsageError, match="fourier, cubic or linear"):
        resample(gaussian(COARSE, CENTRE, 2.0), FINE, "nearest")


def test_support_is_where_linear_interpolation_is_not_0():
    source = Volume(np.random.default_rng(0).random((9, 10, 11)) > 0.97, (1.0, 1.1, 0.9), (2.0, 3.0, 4.0))
    target = Grid((24, 22, 26), (0.5, 0.6, 0.45), (1.1, 3.1, 3.9))  # finer, so that no low-pass is involved
    assert np.array_equal(support(source, target), resample(source, target, "linear").data > 1e-6)
    assert np.array_equal(support(source, source.grid), source.data != 0)


def test_interpolation_stays_within_the_values_and_is_trilinear():
    source = Volume(np.random.default_rng(0).random((9, 10, 11)) > 0.5, (1.0, 1.1, 0.9), (2.0, 3.0, 4.0))
    target = Grid((12, 22, 6), (2.0, 0.6, 0.45), (1.1, 3.1, 3.9))  # coarser along x: no low-pass either
    found = interpolate(source, target)
    assert 0 <= found.data.min() <= found.data.max() <= 1
    zyx = np.argwhere(np.ones(target.shape))
    places = target.index_to_world(zyx[:, ::-1])
    inside = source.grid.contains(places)
    assert 0 < inside.sum() < len(inside)
    assert np.allclose(found.data.ravel()[inside], source.sample(places[inside]), atol=1e-6)
    nearest = np.clip(places, source.origin, source.grid.index_to_world(np.array(source.data.shape[::-1]) - 1))
    assert np.allclose(found.data.ravel(), source.sample(nearest), atol=1e-6)
    assert np.array_equal(interpolate(source, source.grid).data, source.data)


@pytest.mark.parametrize("shift", [(3, -4, 5), (-40, 0, 0), (9, 9, 9)])
def test_grids_whose_voxels_coincide_exchange_values_untouched(shift):
    source = Volume(
        np.random.default_rng(0).random((12, 13, 14), dtype=np.float32), (0.83, 0.83, 0.83), (1.0, -7.3, 40.1)
    )
    target = Grid((10, 20, 9), source.voxel_size, tuple(source.grid.index_to_world(np.array(shift[::-1]))))
    padded = np.pad(source.data, 60)
    z, y, x = (60 + s for s in shift)
    assert np.array_equal(resample(source, target).data, padded[z : z + 10, y : y + 20, x : x + 9])


def test_voxels_of_another_size_do_not_coincide():
    grid = Grid((12, 12, 12), (1.0, 1.0, 1.0))
    assert whole_shift(grid, Grid((12, 12, 12), (1.001, 1.0, 1.0))) is None
    assert whole_shift(grid, Grid((12, 12, 12), (1.0, 1.0, 1.0), (0.1, 0.0, 0.0))) is None
    assert whole_shift(grid, Grid((2, 2, 2), (1.0, 1.0, 1.0), (-3.0, 1.0, 2.0))) == (2, 1, -3)


def test_probabilities_on_another_grid_stay_probabilities():
    unit = Grid((12, 11, 10), (1.0, 1.0, 1.0), (3.0, 4.0, 5.0))
    target = Grid((17, 15, 14), (0.75, 0.8, 0.7), (3.0, 4.0, 5.0))
    logits = np.random.default_rng(0).normal(size=(4, *unit.shape)) * 8
    probabilities = (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)
    found = interpolate_each(probabilities, unit, target)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    assert np.allclose(found.sum(axis=0), 1, atol=1e-5)
    at = np.array([[6.3, 8.9, 9.1]])
    fine = Volume.on(target, found[2]).sample(at)[0]
    assert fine == pytest.approx(Volume.on(unit, probabilities[2]).sample(at)[0], abs=0.15)
