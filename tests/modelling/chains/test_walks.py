"""Walks of letters over a lattice made by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cryotools.modelling.chains.lattice import Lattice, turns_of
from cryotools.modelling.chains.walks import Costs, find_walk

CHAIN = np.stack([3.3 * np.arange(10.0), np.where(np.arange(10) % 2, 1.9, 0.0), np.zeros(10)], axis=1)
LETTERS = np.array([0, 3, 7, 11, 2, 9, 14, 5, 17, 1])


def lattice(index, letters, odds=1.0, right=2.0):
    """All bonds of 3.4 to 4.2 Å; each place looks like the letter given, if any."""
    apart = np.linalg.norm(index[:, None] - index, axis=2)
    steps = np.argwhere((apart > 3.4) & (apart < 4.2))
    turns = turns_of(index, steps)
    types = np.full((len(turns), 21), -1.0)
    types[:, 20] = 0.0
    middle = steps[turns[:, 0], 1]
    for row, at in enumerate(middle):
        if letters[at] >= 0:
            types[row, letters[at]] = right
    return Lattice(index, steps, np.full(len(steps), odds), turns, types, np.zeros(len(turns)))


def free(count, *taken):
    mask = np.ones(count, dtype=bool)
    mask[list(taken)] = False
    return mask


def test_a_walk_follows_the_chain_between_two_ends():
    walk = find_walk(lattice(CHAIN, LETTERS), LETTERS[1:9], (0, 1), (8, 9), free(10, 0, 1, 8, 9))
    assert walk.place.tolist() == [2, 3, 4, 5, 6, 7]
    assert walk.probability.min() > 0.9


def test_letters_choose_between_two_branches():
    branch = CHAIN[3:] * [1, -1, 1] + [0, 3.8, 0]  # the chain's mirror image, bonded to the same residue
    index = np.concatenate([CHAIN, branch])
    for letters, expected in (
        (np.concatenate([LETTERS, np.full(7, 19)]), range(3, 10)),
        (np.concatenate([LETTERS[:3], np.full(7, 19), LETTERS[3:]]), range(10, 17)),
    ):
        walk = find_walk(lattice(index, letters), LETTERS[1:], (0, 1), None, free(17, 0, 1))
        assert walk.place.tolist()[:-1] == [2, *expected][:-1]  # nothing tells where the last one is


def test_a_walk_takes_places_only_that_are_free():
    walk = find_walk(lattice(CHAIN, LETTERS), LETTERS[1:9], (0, 1), (8, 9), free(10, 0, 1, 4, 5, 8, 9))
    assert not {4, 5} & set(walk.place.tolist())


def test_letters_without_places_are_left_out():
    index = np.delete(CHAIN, [4, 5], axis=0)
    walk = find_walk(lattice(index, np.delete(LETTERS, [4, 5])), LETTERS[1:9], (0, 1), (6, 7), free(8, 0, 1, 6, 7))
    assert walk.place.tolist() == [2, 3, -1, -1, 4, 5]


def test_where_nothing_follows_the_walk_ends():
    walk = find_walk(lattice(CHAIN, LETTERS), np.concatenate([LETTERS[7:], [4, 4, 4]]), (6, 7), None, free(10, 6, 7))
    assert walk.place.tolist() == [8, 9, -1, -1, -1]


@pytest.mark.parametrize("last", [True, False])
def test_probabilities_are_those_of_all_walks(last):
    """Against a sum over all walks, one by one."""
    rng = np.random.default_rng(3)
    index = np.array(list(itertools.product([0.0, 3.8, 7.6], [0.0, 3.8], [0.0, 3.8])))
    made = lattice(index, rng.integers(0, 20, len(index)))
    made = Lattice(
        made.index,
        made.steps,
        rng.normal(size=len(made.steps)),
        made.turns,
        rng.normal(size=made.types.shape),
        made.support,
    )
    start, end = (0, 1), (10, 11)
    letters = rng.integers(0, 20, 5)
    costs = Costs(opened=1e3, missing=1e3, tail=1e3)  # no breaks
    mask = free(len(index), *start, *(end if last else ()))
    walk = find_walk(made, letters, start, end if last else None, mask, costs)
    count = 3 if last else 4
    total, at = 0.0, np.zeros((count, len(index)))
    for middle in itertools.permutations(np.flatnonzero(mask), count):
        value = _nats(made, [*start, *middle, *(end if last else ())], letters, costs, last)
        total += np.exp(value)
        at[np.arange(count), list(middle)] += np.exp(value)
    repeated = 0.02  # walks may also use a place twice, which the sum leaves out
    np.testing.assert_allclose(walk.probability, (at / total)[np.arange(count), walk.place], atol=repeated)


def _nats(made, places, letters, costs, last):
    """Of a walk, -inf if a turn is missing."""
    triples = np.array(list(zip(places, places[1:], places[2:], strict=False)))
    turn = made.find_turns(triples)
    if (turn < 0).any():
        return -np.inf
    value = (costs.type * made.types[turn, letters[: len(turn)]] + costs.frame * made.support[turn]).sum()
    bonds = made.odds[made.turns[turn, 1]]
    return value + costs.bond * (bonds[:-1] if last else bonds).sum()
