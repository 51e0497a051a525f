"""Paths through candidates, on chains whose bonds are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cryotools.anchors.geometry import guessed_neighbours, relaxed
from cryotools.anchors.paths import Bonds, find_paths, possible_bonds


def helix(count: int, shift: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Cα atoms (count, 3) of an ideal α helix along z."""
    turn = np.radians(100.0) * np.arange(count)
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(count)], axis=1) + shift


def strand(count: int, shift: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Cα atoms (count, 3) of a pleated strand along x."""
    each = np.arange(count)
    return np.stack([3.3 * each, 0.9 * (-1.0) ** each, np.zeros(count)], axis=1) + shift


def painted_chain(chains: list[np.ndarray], shape: tuple[int, int, int]) -> np.ndarray:
    """A backbone channel: 1 within 1.2 Å of the lines between consecutive atoms."""
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    grid, near = np.stack([x, y, z], axis=-1).astype(float), np.zeros(shape, dtype=bool)
    for chain in chains:
        for first, second in itertools.pairwise(chain):
            for along in np.linspace(0, 1, 9):
                near |= np.linalg.norm(grid - (first + along * (second - first)), axis=-1) < 1.2
    return near.astype(np.float32)


def test_two_chains_side_by_side_are_two_paths() -> None:
    chains = [strand(9, (8, 10, 10)), strand(9, (8, 14.8, 10)), helix(12, (20, 24, 8))]
    index = np.concatenate(chains)
    order = np.random.default_rng(0).permutation(len(index))
    path = painted_chain(chains, (32, 32, 40))
    bonds = possible_bonds(index[order], np.full(len(index), 0.9), path)
    found = find_paths(index[order], bonds)
    assert [len(one) for one in found] == [12, 9, 9]
    for one in found:
        steps = np.diff(order[one])
        assert np.all(steps == 1) or np.all(steps == -1)


def test_a_weaker_sum_of_bonds_loses_to_a_stronger_one() -> None:
    # a greedy choice would take the bond 1-2 first and be left with 0 and 3 alone
    index = np.array([[0, 0, 0], [3.8, 0, 0], [7.6, 0, 0], [11.4, 0, 0]], dtype=float)
    pairs = np.array([[0, 1], [1, 2], [2, 3], [0, 2]])
    found = find_paths(index, Bonds(pairs, np.array([1.0, 2.0, 1.0, 0.5])))
    assert [one.tolist() for one in found] in ([[0, 1, 2, 3]], [[3, 2, 1, 0]])


def test_bonds_do_not_fold_back() -> None:
    index = np.array([[0, 0, 0], [3.8, 0, 0], [1.0, 3.0, 0]], dtype=float)  # 0 and 2 are 3.2 Å apart
    found = find_paths(index, Bonds(np.array([[0, 1], [1, 2]]), np.array([3.0, 1.0])))
    assert [sorted(one.tolist()) for one in found] == [[0, 1]]


def test_a_ring_is_opened_at_its_weakest_bond() -> None:
    turn = 2 * np.pi * np.arange(8) / 8
    index = 4.97 * np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
    pairs = np.array([[at, (at + 1) % 8] for at in range(8)])
    odds = np.array([3.0, 3, 3, 1, 3, 3, 3, 3])
    (found,) = find_paths(index, Bonds(pairs, odds))
    assert {int(found[0]), int(found[-1])} == {3, 4}


@pytest.mark.parametrize("count", [0, 1])
def test_without_pairs_there_are_no_paths(count: int) -> None:
    index = np.zeros((count, 3))
    bonds = possible_bonds(index, np.full(count, 0.5), np.zeros((8, 8, 8), dtype=np.float32))
    assert find_paths(index, bonds) == []


def test_relaxation_brings_bonds_to_their_length_but_keeps_cis_ones() -> None:
    random = np.random.default_rng(1)
    true = helix(30)
    moved = true + random.normal(0, 0.4, true.shape)
    found = relaxed(moved, [np.arange(30)])

    def spread(xyz: np.ndarray) -> float:
        return float(np.std(np.linalg.norm(np.diff(xyz, axis=0), axis=1)))

    assert spread(found) < 0.6 * spread(moved)
    assert np.sqrt(((found - true) ** 2).sum(axis=1).mean()) < np.sqrt(((moved - true) ** 2).sum(axis=1).mean())
    cis = np.array([[0.0, 0, 0], [2.95, 0, 0]])
    assert np.allclose(relaxed(cis, [np.arange(2)]), cis)


def test_a_missing_neighbour_is_guessed_along_the_backbone() -> None:
    chain = helix(8, (16, 16, 8))
    path = painted_chain([chain], (32, 32, 32))
    guess = guessed_neighbours(chain[3:5], chain[2:4], path)
    assert np.linalg.norm(guess - chain[4:6], axis=1).max() < 1.5
