"""Copies of a chain, related by a motion."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from cryotools.modelling.chains.copies import common_motion, complete_copies
from cryotools.modelling.chains.plan import ChainPlan

TURN = Rotation.from_rotvec([0, 0, np.pi]).as_matrix()
ORIGIN = np.array([-35.0, -35.0, -35.0])


@pytest.fixture
def chain():
    """Sixty Cα atoms of a chain that winds irregularly, away from the axis."""
    rng = np.random.default_rng(2)
    turn = np.cumsum(np.radians(100 + rng.normal(0, 15, 60)))
    spread = 2.3 + 0.3 * np.sin(np.arange(60) / 7)
    ca = np.stack([spread * np.cos(turn), spread * np.sin(turn), 1.0 * np.arange(60)], axis=1)
    return ca * [1, 1, 1] + [12, 3, -25]


def plan(ca, positions, noise=0.3, seed=0):
    positions = np.asarray(positions)
    shaken = ca[positions] + np.random.default_rng(seed).normal(0, noise, (len(positions), 3))
    count = len(positions)
    return ChainPlan("A", positions, np.arange(count), shaken, "G" * count, np.full(count, 0.9))


def channel(*chains):
    """Backbone along the chains."""
    line = [a + np.linspace(0, 1, 8)[:, None] * (b - a) for ca in chains for a, b in itertools.pairwise(ca)]
    grid = np.stack(np.meshgrid(*(np.arange(72.0),) * 3, indexing="ij"), axis=-1)[..., ::-1] + ORIGIN
    return np.exp(-(cKDTree(np.concatenate(line)).query(grid)[0] ** 2) / 2).astype(np.float32)


def test_the_motion_between_copies_is_found_in_spite_of_a_part_that_differs(chain):
    moved = chain @ TURN.T
    moved[:12] += 20
    motion = common_motion(plan(chain, range(60)), plan(moved, range(60), seed=1))
    np.testing.assert_allclose(motion.turn, TURN, atol=0.05)
    assert motion.degrees == pytest.approx(180, abs=2)


def test_chains_that_differ_have_no_common_motion(chain):
    other = np.random.default_rng(5).normal(0, 15, (60, 3))
    assert common_motion(plan(chain, range(60)), plan(other, range(60))) is None
    assert common_motion(plan(chain, range(30)), plan(chain @ TURN.T, range(25, 60))) is None


def test_a_copy_gets_what_another_has_where_its_density_is(chain):
    copy = chain @ TURN.T
    whole, part = plan(chain, range(60)), plan(copy, [*range(20), *range(28, 52)], seed=1)
    seen = channel(chain, copy[:55])
    first, second = complete_copies([whole, part], seen, ORIGIN)
    assert first.position.tolist() == list(range(60))
    assert set(range(20, 28)) <= set(second.position.tolist())
    assert 59 not in second.position  # no backbone is seen there
    new = ~np.isin(second.position, part.position)
    assert np.all(second.residue[new] == -1)
    assert np.linalg.norm(second.ca[new] - copy[second.position[new]], axis=1).max() < 1.5
    assert np.all(second.confidence[new] < 0.9)


def test_pieces_of_one_copy_become_one_chain(chain):
    copy = chain @ TURN.T
    pieces = [plan(copy, range(25), seed=1), plan(copy, range(30, 60), seed=2)]
    chains = complete_copies([plan(chain, range(60)), *pieces], np.zeros((72, 72, 72), dtype=np.float32), ORIGIN)
    assert [len(one) for one in chains] == [60, 55]
    assert np.all(np.diff(chains[1].position) > 0)


def test_pieces_of_different_copies_stay_apart(chain):
    quarter = Rotation.from_rotvec([0, 0, np.pi / 2]).as_matrix()
    pieces = [plan(chain @ TURN.T, range(25), seed=1), plan(chain @ quarter.T, range(30, 60), seed=2)]
    chains = complete_copies([plan(chain, range(60)), *pieces], np.zeros((72, 72, 72), dtype=np.float32), ORIGIN)
    assert sorted(len(one) for one in chains) == [25, 30, 60]


def test_pieces_of_a_single_copy_that_overlap_are_one_chain(chain):
    pieces = [plan(chain, range(34)), plan(chain + np.where(np.arange(60) < 34, 9, 0)[:, None], range(30, 60))]
    pieces[1].confidence[:4] = 0.5
    (whole,) = complete_copies(pieces, np.zeros((72, 72, 72), dtype=np.float32), ORIGIN)
    assert whole.position.tolist() == list(range(60))
    assert np.linalg.norm(whole.ca - chain, axis=1).max() < 2  # of two places the surer one
