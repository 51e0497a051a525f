from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryotools.core.compute.regions import Blocks, Box, blocks_within, box_atoms, cover, everywhere
from cryotools.core.maps.volume import Grid


def spread(mask: np.ndarray, edge: int) -> np.ndarray:
    """A mask over blocks as one over voxels."""
    return mask.repeat(edge, 0).repeat(edge, 1).repeat(edge, 2)


@pytest.mark.slow
@settings(deadline=None, derandomize=True)
@given(
    shape=st.tuples(*[st.integers(1, 14)] * 3),
    share=st.sampled_from([0.01, 0.2, 1.0]),
    edge=st.sampled_from([1, 4]),
    halo=st.integers(0, 3),
    largest=st.integers(1, 30_000),
    seed=st.integers(0, 9),
)
def test_boxes_hold_every_block_that_matters_once(shape, share, edge, halo, largest, seed):
    mask = np.random.default_rng(seed).random(shape) < share
    count = np.zeros(np.array(shape) * edge, dtype=int)
    for box in cover(Blocks(mask, edge, count.shape), halo=halo * edge, largest=largest):
        count[box.slices()] += 1
    assert count.max(initial=0) <= 1
    assert (count[spread(mask, edge)] == 1).all()


def test_boxes_with_their_halos_are_as_small_as_asked_for():
    sizes = [np.prod(box.grown(8).shape) for box in cover(everywhere((200, 120, 90), 4), halo=8, largest=200_000)]
    assert max(sizes) <= 200_000
    assert sum(sizes) < 3 * 200 * 120 * 90  # cores of 40 voxels would be 3.7 times it


def test_memory_that_holds_no_sensible_box_is_not_tried_for():
    assert len(cover(everywhere((64, 64, 64), 4), halo=40, largest=1)) == 8


def test_solvent_between_two_molecules_is_left_out():
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[:5, :5, :5] = mask[-5:, -5:, -5:] = True
    assert sorted(box.start for box in cover(Blocks(mask, 2, (80, 80, 80)), halo=4, largest=10**6)) == [
        (0, 0, 0),
        (70, 70, 70),
    ]


def test_nothing_needs_no_box():
    assert cover(Blocks(np.zeros((3, 3, 3), dtype=bool), 4, (12, 12, 12)), halo=4, largest=1000) == []


@pytest.mark.parametrize(("voxel", "reach"), [((1.0, 1.0, 1.0), 7.0), ((0.7, 1.1, 1.6), 3.0), ((2.0, 2.0, 2.0), 0.5)])
def test_every_voxel_within_reach_lies_in_a_block(voxel, reach):
    grid = Grid((30, 25, 22), voxel, (3.0, -5.0, 1.0))
    corner = np.array(grid.shape[::-1]) * voxel
    xyz = np.array(grid.origin) + np.random.default_rng(2).uniform(-4, corner + 4, (12, 3))  # some lie outside
    places = grid.index_to_world(np.argwhere(np.ones(grid.shape))[:, ::-1])
    away = np.linalg.norm(places[:, None] - xyz, axis=-1).min(axis=1).reshape(grid.shape)
    blocks = blocks_within(grid, xyz, reach, 4)
    held = spread(blocks.mask, 4)[:30, :25, :22]
    assert held[away <= reach].all()
    assert not held[away > reach + 8 * np.linalg.norm(voxel)].any()


def test_a_box_knows_its_part_of_a_volume_and_its_grid():
    box = Box((-2, 3, 8), (6, 4, 9))
    inside = box.inside((10, 10, 10))
    assert inside == Box((0, 3, 8), (4, 4, 2))
    assert inside.slices(of=box.start) == (slice(2, 6), slice(0, 4), slice(0, 2))
    assert min(Box((12, 0, 0), (3, 3, 3)).inside((10, 10, 10)).shape) == 0
    assert inside.grid(Grid((10, 10, 10), (1.0, 2.0, 3.0), (1.0, 1.0, 1.0))).origin == (9.0, 7.0, 1.0)


def test_the_atoms_of_a_box_are_those_that_reach_it():
    grid = Grid((10, 10, 10), (1.0, 1.0, 1.0))
    xyz = np.array([[4.0, 4, 4], [4, 4, 7.9], [4, 4, 8.1], [0.5, 4, 4]])
    assert box_atoms(grid, Box((3, 3, 3), (4, 4, 4)), xyz, 2.0).tolist() == [0, 1]
