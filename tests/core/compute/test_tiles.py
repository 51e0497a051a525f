from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryotools.core.compute.tiles import bounding_box, occupied, plan_few_tiles, plan_tiles

shapes = st.tuples(*[st.integers(1, 40)] * 3)


@pytest.mark.slow
@settings(deadline=None, derandomize=True)
@given(shape=shapes, halo=st.integers(0, 9), core=st.integers(1, 20), multiple=st.sampled_from([1, 2, 4]))
def test_cutting_and_pasting_gives_the_volume_back(shape, halo, core, multiple):
    plan = plan_tiles(shape, halo=halo, core=core, multiple=multiple)
    channels = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    result = np.full_like(channels, np.nan)
    for start in plan.starts():
        plan.paste(result, plan.cut(channels, start), start)
    assert np.array_equal(result, channels)


@pytest.mark.slow
@settings(deadline=None, derandomize=True)
@given(shape=shapes, halo=st.integers(0, 9), core=st.integers(1, 20), multiple=st.sampled_from([1, 2, 4]))
def test_every_tile_has_one_shape_and_the_same_phase(shape, halo, core, multiple):
    plan = plan_tiles(shape, halo=halo, core=core, multiple=multiple)
    channels = np.zeros((1, *shape), dtype=np.float32)
    assert {plan.cut(channels, start).shape[1:] for start in plan.starts()} == {plan.tile}
    assert plan.halo >= halo
    assert all((s - plan.halo) % multiple == 0 for start in plan.starts() for s in start)
    assert all(n % multiple == 0 for n in plan.tile)


def test_beyond_the_volume_lie_zeros():
    plan = plan_tiles((3, 4, 5), halo=2, core=4)
    tile = plan.cut(np.ones((1, 3, 4, 5), dtype=np.float32), (0, 0, 0))
    assert tile.sum() == 3 * 4 * 5 * (4 + 2) / 5 - 3 * 4  # x: 4 core voxels and the 5th in the halo
    assert not tile[:, :2].any()
    assert not tile[:, :, :, -1].any()


def test_only_tiles_whose_halo_touches_something_are_occupied():
    channels = np.zeros((1, 8, 8, 32), dtype=np.float32)
    channels[0, 4, 4, 9] = 1.0
    plan = plan_tiles((8, 8, 32), halo=2, core=8)
    assert [something for _, something in occupied(plan, channels)] == [True, True, False, False]


@pytest.mark.parametrize("wrong", [{"halo": -1}, {"halo": 0, "core": 0}, {"halo": 0, "multiple": 0}])
def test_impossible_plans_are_refused(wrong):
    with pytest.raises(ValueError, match="at least"):
        plan_tiles((4, 4, 4), **wrong)


@pytest.mark.parametrize("shape", [(5, 9, 30), (64, 64, 64), (100, 33, 71)])
@pytest.mark.parametrize("largest", [40, 56, 200])
def test_few_tiles_cover_every_voxel_once_and_stay_small(shape, largest):
    plan = plan_few_tiles(shape, halo=12, largest=largest, multiple=4, beyond=4)
    covered = np.zeros((1, *shape))
    for start in plan.starts():
        low, size = plan.extent(start)
        assert max(size) <= largest
        assert all(n % 4 == 0 and a % 4 == 0 for n, a in zip(size, low, strict=True))
        assert plan.cut(np.zeros((1, *shape)), start).shape == (1, *size)
        before = covered.copy()
        plan.paste(covered, covered.max() + np.ones((1, *size)), start)
        assert not before[covered != before].any()
    assert covered.all()


def test_long_tiles_are_taken_where_they_save_halo():
    sizes = {"halo": 48, "multiple": 8, "beyond": 8}
    cubes = plan_few_tiles((287, 290, 399), largest=208, **sizes)
    longer = plan_few_tiles((287, 290, 399), largest=320, most=10_700_000, **sizes)

    def voxels(plan):
        return [np.prod(plan.extent(start)[1]) for start in plan.starts()]

    assert max(voxels(longer)) <= 10_700_000
    assert sum(voxels(longer)) < 0.75 * sum(voxels(cubes))


def test_few_tiles_of_a_small_volume_are_one_that_ends_near_its_faces():
    plan = plan_few_tiles((50, 60, 70), halo=56, largest=240, multiple=8, beyond=8)
    ((_, size),) = [plan.extent(start) for start in plan.starts()]
    assert size == (72, 80, 88)


def test_tiles_without_an_inside_are_refused():
    with pytest.raises(ValueError, match="nothing inside"):
        plan_few_tiles((50, 50, 50), halo=20, largest=40)


def test_a_bounding_box_holds_all_that_is_true_and_no_more():
    mask = np.zeros((6, 7, 8), dtype=bool)
    assert bounding_box(mask) is None
    mask[2, 6, 3] = mask[4, 0, 3] = True
    assert bounding_box(mask) == (slice(2, 5), slice(0, 7), slice(3, 4))
