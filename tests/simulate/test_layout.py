from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_structures import A, dozen, positions, write_pdb

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.layout import check_inside, check_sampling, grid_around, make_grid, parse_box


@pytest.fixture(scope="module")
def structure(tmp_path_factory):
    return read_structure(write_pdb(tmp_path_factory.mktemp("layout") / "dozen.pdb", dozen()))


@pytest.mark.parametrize(
    ("text", "box"), [(None, None), ("64", (64, 64, 64)), ("10,20,30", (10, 20, 30)), (" 1 , 2,3 ", (1, 2, 3))]
)
def test_boxes_are_one_number_or_three(text, box):
    assert parse_box(text) == box


@pytest.mark.parametrize("text", ["", "0", "-4", "3.5", "1,2", "1,2,3,4", "a", "4,0,4"])
def test_other_boxes_are_a_mistake(text):
    with pytest.raises(UsageError, match="`box`"):
        parse_box(text)


@pytest.mark.slow
@settings(deadline=None, derandomize=True)
@given(apix=st.floats(0.3, 3), resolution=st.floats(1, 10))
def test_grids_around_atoms_begin_on_a_whole_voxel_and_leave_three_resolutions(structure, apix, resolution):
    grid = grid_around(structure, apix, resolution)
    assert grid.nstart() is not None
    low, high = structure.bounds()
    end = grid.index_to_world(np.array(grid.shape[::-1]) - 1)
    before, after = low - grid.origin, end - high
    for margin in (before, after):
        assert np.all(margin > 3 * resolution - 1e-9)
        assert np.all(margin < 3 * resolution + apix + 1e-9)


@pytest.mark.slow
@settings(deadline=None, derandomize=True)
@given(apix=st.floats(0.3, 3), box=st.tuples(*[st.integers(20, 60)] * 3))
def test_boxes_of_given_size_are_centred_on_the_atoms(structure, apix, box):
    grid = grid_around(structure, apix, 3.0, box)
    assert grid.shape == box[::-1]
    assert grid.nstart() is not None
    middle = np.array(grid.origin) + apix * (np.array(box) // 2)
    assert np.all(np.abs(middle - np.add(*structure.bounds()) / 2) <= apix / 2 + 1e-9)


def test_a_lone_atom_has_a_grid(tmp_path):
    one = read_structure(write_pdb(tmp_path / "one.pdb", [A("C", (1.2, 3.4, -5.6))]))
    grid = grid_around(one, 1.0, 2.0)
    assert min(grid.shape) >= 13
    check_inside(one, grid)


def test_sampling_beyond_the_resolution_is_refused_and_half_of_it_warned_about():
    with pytest.raises(UsageError, match="larger than the resolution"):
        check_sampling(3.1, 3.0)
    with pytest.warns(CryotoolsWarning, match=r"voxels of 2 A are too large for a resolution of 3 A; 1 A would do"):
        check_sampling(2.0, 3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_sampling(1.5, 3.0)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_lengths_must_be_positive_numbers(wrong):
    with pytest.raises(UsageError, match="`apix`"):
        check_sampling(wrong, 3.0)
    with pytest.raises(UsageError, match="`resolution`"):
        check_sampling(1.0, wrong)


def test_grids_beyond_the_memory_are_refused_before_anything_is_allocated():
    with pytest.raises(DataError, match="larger voxels or a smaller box"):
        make_grid(np.array([100_000, 100_000, 100_000]), (1.0, 1.0, 1.0), np.zeros(3))


def test_grids_beyond_all_numbers_are_refused():
    with pytest.raises(UsageError):
        make_grid(np.array([np.inf, 5, 5]), (1.0, 1.0, 1.0), np.zeros(3))


def test_a_box_without_atoms_is_refused_and_one_with_some_warned_about(structure):
    xyz = positions(dozen())
    around_all = Grid((14, 14, 14), (1.0, 1.0, 1.0), tuple(np.floor(xyz.min(axis=0)) - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_inside(structure, around_all)
    half = Grid((14, 14, 14), (1.0, 1.0, 1.0), (float(np.median(xyz[:, 0])), *around_all.origin[1:]))
    with pytest.warns(CryotoolsWarning, match="6 of 12 atoms lie outside the box"):
        check_inside(structure, half)
    with pytest.raises(DataError, match=r"no atom lies inside the box \(900.0..909.0 x "):
        check_inside(structure, Grid((10, 10, 10), (1.0, 1.0, 1.0), (900.0, 0.0, 0.0)))
