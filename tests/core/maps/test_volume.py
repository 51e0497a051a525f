from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryotools.core.maps.resample import grid_at_spacing, resample
from cryotools.core.maps.volume import Grid, Volume

steps = st.tuples(*[st.floats(0.2, 9)] * 3)
origins = st.tuples(*[st.floats(-500, 500)] * 3)
GRID = Grid((5, 6, 7), (1.0, 1.5, 2.0), (10.0, -20.0, 30.5))


def a_volume(grid: Grid = GRID, seed: int = 0) -> Volume:
    return Volume.on(grid, np.random.default_rng(seed).random(grid.shape, dtype=np.float32))


def centres(grid: Grid) -> np.ndarray:
    z, y, x = np.indices(grid.shape).reshape(3, -1)
    return grid.index_to_world(np.stack([x, y, z], axis=1))


@pytest.mark.slow
@settings(deadline=None, derandomize=True)
@given(step=steps, origin=origins)
def test_world_and_index_are_inverse(step, origin):
    grid = Grid((3, 4, 5), step, origin)
    index = np.array([[0, 0, 0], [4, 3, 2], [1.25, -7, 100]])
    assert np.allclose(grid.world_to_index(grid.index_to_world(index)), index, atol=1e-9)


def test_indices_are_ordered_x_y_z_while_arrays_are_z_y_x():
    assert GRID.index_to_world([1, 0, 0]).tolist() == [11.0, -20.0, 30.5]
    assert GRID.index_to_world([0, 0, 1]).tolist() == [10.0, -20.0, 32.5]
    assert GRID.size == (7 * 1.0, 6 * 1.5, 5 * 2.0)
    assert GRID.n_voxels == 210
    assert GRID.axis(1).tolist() == [-20.0, -18.5, -17.0, -15.5, -14.0, -12.5]


def test_data_cannot_be_changed_in_place():
    volume = a_volume()
    with pytest.raises(ValueError, match="read-only"):
        volume.data[0, 0, 0] = 1
    with pytest.raises(AttributeError):
        volume.origin = (0, 0, 0)
    assert volume.data.dtype == np.float32


def test_an_array_that_was_handed_over_can_no_longer_be_written_to():
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5).copy()
    volume = Volume(data, (1, 1, 1))
    assert np.shares_memory(volume.data, data)  # large maps are not copied
    with pytest.raises(ValueError, match="read-only"):
        data[2, 1, 1] = -1
    with pytest.raises(ValueError, match="read-only"):
        data += 1


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[:],
        lambda a: a[1:],
        lambda a: a[:, ::-1].transpose(2, 0, 1),
        lambda a: np.broadcast_to(a[0], (2, 4, 5)),
    ],
)
def test_a_view_is_copied_so_that_its_owner_cannot_change_the_volume(view):
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    expected = view(data).copy()
    volume = Volume(view(data), (1, 1, 1))
    data += 1
    assert np.array_equal(volume.data, expected)


def test_views_of_a_volumes_data_and_of_bytes_are_not_copied():
    whole = Volume(np.zeros((4, 4, 4), dtype=np.float32), (1, 1, 1))
    assert np.shares_memory(Volume(whole.data[::-1, 1:], (1, 1, 1)).data, whole.data)
    content = bytes(4 * 27)
    stored = np.frombuffer(content, dtype=np.float32).reshape(3, 3, 3)
    assert np.shares_memory(Volume(stored, (1, 1, 1)).data, stored)


def test_a_tensor_cannot_change_the_volume_that_was_made_of_it():
    torch = pytest.importorskip("torch")
    tensor = torch.zeros(2, 2, 2)
    volume = Volume(tensor.numpy(), (1, 1, 1))
    tensor += 1
    assert not volume.data.any()


def test_an_array_of_another_type_stays_its_owners():
    for data in (np.zeros((2, 2, 2)), np.zeros((2, 2, 2), dtype=">f4"), np.zeros((2, 2, 2), dtype=np.int8)):
        volume = Volume(data, (1, 1, 1))
        data[0, 0, 0] = 1
        assert volume.data.dtype == np.float32
        assert not volume.data.any()


def test_data_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        Volume.on(GRID, np.zeros((7, 6, 5)))
    with pytest.raises(ValueError, match="do not fit"):
        a_volume().with_data(np.zeros((7, 6, 5)))


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, 1), (2, 2, 2, 2)])
def test_grids_need_three_axes_with_voxels(shape):
    with pytest.raises(ValueError, match="three axes"):
        Grid(shape, (1, 1, 1))


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, np.inf])
def test_voxel_sizes_must_be_positive(step):
    with pytest.raises(ValueError, match="positive"):
        Grid((2, 2, 2), (1, step, 1))


def test_cropping_keeps_values_where_they_are():
    volume = a_volume()
    part = volume.crop((1, 2, 3), (3, 2, 4))
    assert part.origin == (13.0, -17.0, 32.5)
    assert np.array_equal(part.data, volume.data[1:4, 2:4, 3:7])
    assert np.allclose(part.sample(centres(part.grid)), volume.sample(centres(part.grid)))


def test_padding_keeps_values_where_they_are():
    volume = a_volume()
    wide = volume.pad((1, 2, 3), (0, 4, 1), value=-5)
    assert wide.data.shape == (6, 12, 11)
    assert wide.origin == (7.0, -23.0, 28.5)
    assert wide.data[0, 0, 0] == -5
    assert np.allclose(wide.sample(centres(GRID)), volume.data.ravel())


@pytest.mark.slow
@settings(deadline=None, derandomize=True)
@given(before=st.tuples(*[st.integers(0, 3)] * 3), after=st.tuples(*[st.integers(0, 3)] * 3))
def test_padding_then_cropping_gives_the_volume_back(before, after):
    volume = a_volume()
    back = volume.pad(before, after).crop(before, volume.data.shape)
    assert np.array_equal(back.data, volume.data)
    assert back.same_grid_as(volume)


@pytest.mark.parametrize("start", [(-1, 0, 0), (0, 0, 5)])
def test_a_crop_that_leaves_the_volume_is_refused(start):
    with pytest.raises(ValueError, match="leaves the volume"):
        a_volume().crop(start, (3, 3, 3))


@pytest.mark.parametrize("order", [1, 3])
@settings(deadline=None, derandomize=True, max_examples=25)
@given(step=steps, origin=origins)
def test_samples_at_voxel_centres_are_the_voxels(order, step, origin):
    volume = a_volume(Grid((4, 5, 6), step, origin))
    assert np.allclose(volume.sample(centres(volume.grid), order=order), volume.data.ravel(), atol=1e-4)


def test_samples_of_a_linear_map_are_exact_between_voxels():
    x, y, z = (GRID.axis(axis) for axis in range(3))
    volume = Volume.on(GRID, 2 * x - 3 * y[:, None] + 0.5 * z[:, None, None] + 7)
    points = np.random.default_rng(1).uniform((10, -20, 30.5), (16, -12.5, 38.5), (50, 3))
    assert np.allclose(volume.sample(points), points @ [2, -3, 0.5] + 7, rtol=1e-5)


def test_samples_outside_are_what_was_asked_for():
    points = np.array([[9.9, -20, 30.5], [16.1, -20, 30.5], [13, -15, 500]])
    assert a_volume().sample(points).tolist() == [0, 0, 0]
    assert a_volume().sample(points, outside=-1).tolist() == [-1, -1, -1]


def test_an_origin_on_whole_voxels_has_an_nstart():
    assert Grid((2, 2, 2), (1.0, 0.5, 2.0), (-3.0, 4.5, 0.0)).nstart() == (-3, 9, 0)
    float32_origin = float(np.float32(-64 * 0.7))  # what a header holds
    assert Grid((2, 2, 2), (0.7,) * 3, (float32_origin,) * 3).nstart() == (-64, -64, -64)


def test_an_origin_between_voxels_has_none():
    assert Grid((2, 2, 2), (1.0, 1.0, 1.0), (0.0, 0.5, 0.0)).nstart() is None
    assert Grid((2, 2, 2), (1e-3, 1.0, 1.0), (1e9, 0.0, 0.0)).nstart() is None  # more than 32 bits count


def test_grids_are_the_same_to_a_thousandth_of_a_voxel():
    grid = Grid((100, 100, 100), (1.0, 1.0, 1.0))
    assert grid.same_as(Grid((100, 100, 100), (1.0, 1.0, 1.0), (5e-4, 0.0, 0.0)))
    assert not grid.same_as(Grid((100, 100, 100), (1.0, 1.0, 1.0), (2e-3, 0.0, 0.0)))
    assert not grid.same_as(Grid((100, 100, 100), (1.0001, 1.0, 1.0)))  # 0.01 voxels off at the far end
    assert not grid.same_as(Grid((100, 100, 101), (1.0, 1.0, 1.0)))


def test_resampling_by_voxel_size_begins_at_the_same_place():
    fine = resample(a_volume(), grid_at_spacing(a_volume().grid, 0.5))
    assert fine.voxel_size == (0.5, 0.5, 0.5)
    assert fine.origin == GRID.origin
    assert fine.data.shape == (17, 16, 13)


def _noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(6, 7, 8)).astype(np.float32)


def test_volumes_are_equal_where_grid_and_values_are_and_then_have_one_hash():
    volume = Volume(_noise(), (1.0, 1.5, 2.0), (3.0, 0.0, -1.0))
    same = Volume(np.asfortranarray(_noise()), (1.0, 1.5, 2.0), (3.0, -0.0, -1.0))
    assert volume == same
    assert hash(volume) == hash(same)
    others = [
        Volume(_noise(1), (1.0, 1.5, 2.0), (3.0, 0.0, -1.0)),
        Volume(_noise(), (1.0, 1.5, 2.0), (3.0, 0.0, -1.1)),
        Volume(_noise(), (1.0, 1.5, 2.1), (3.0, 0.0, -1.0)),
        volume.crop((0, 0, 0), (6, 7, 7)),
    ]
    assert all(volume != other for other in others)
    assert len({volume, same, *others}) == 5
    assert volume != "volume"


def test_zero_equals_minus_zero_and_nan_equals_nan():
    values = np.zeros((3, 3, 3), np.float32)
    assert Volume(values.copy(), (1, 1, 1)) == Volume(-values, (1, 1, 1))
    assert hash(Volume(values.copy(), (1, 1, 1))) == hash(Volume(-values, (1, 1, 1)))
    values[0] = np.nan
    assert Volume(values.copy(), (1, 1, 1)) == Volume(values.copy(), (1, 1, 1))
    assert hash(Volume(values.copy(), (1, 1, 1))) == hash(Volume(values.copy(), (1, 1, 1)))


def test_a_volume_shows_itself_in_one_short_line():
    text = repr(Volume(_noise(), (1.5, 1.5, 1.5), (3.0, 0.0, -1.0)))
    assert text == "<Volume: 8 x 7 x 6 voxels (x, y, z) of 1.5 A, origin (3, 0, -1) A>"
    assert "1, 1.5, 2" in repr(Volume(_noise(), (1.0, 1.5, 2.0)))
