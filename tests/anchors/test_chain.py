"""Chains through candidates whose places are known."""

from __future__ import annotations

import numpy as np

from cryotools.anchors.candidates import Candidates
from cryotools.anchors.chain import trace_chain
from cryotools.anchors.network import CHANNELS, PATH


def helix(count: int) -> np.ndarray:
    turn = np.radians(100.0) * np.arange(count)
    xyz = np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(count)], axis=1)
    return xyz + np.array([14.0, 14.0, 6.0])


def backbone(places: np.ndarray) -> np.ndarray:
    """A backbone channel (28, 28, 28) that is 1 near residues and 0 elsewhere."""
    z, y, x = np.mgrid[:28, :28, :28]
    near = [np.linalg.norm(np.stack([x, y, z], axis=-1) - at, axis=-1) < 2.2 for at in places]
    return np.any(near, axis=0).astype(np.float32)


def seen(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The trace network's channels, all 0 but for the backbone, and a density of 1."""
    channels = np.zeros((len(CHANNELS), *path.shape), dtype=np.float32)
    channels[PATH] = path
    return channels, np.ones(path.shape, dtype=np.float32)


def candidates(index: np.ndarray) -> Candidates:
    n = len(index)
    ones, nothing = np.ones(n, dtype=np.float32), np.zeros((n, len(CHANNELS)), dtype=np.float32)
    return Candidates(index, 0.9 * ones, nothing, ones)


def test_a_chain_has_neighbours_in_order_and_guessed_ones_at_its_ends() -> None:
    true = helix(10)
    order = np.random.default_rng(0).permutation(10)
    path = backbone(true)
    chain = trace_chain(candidates(true[order]), *seen(path))[1]
    found = order[chain.candidate]
    assert abs(np.diff(found)).tolist() == [1] * 9
    assert chain.before.tolist() == [-1, *range(9)]
    assert chain.after.tolist() == [*range(1, 10), -1]
    assert chain.path.tolist() == [0] * 10
    assert np.isfinite(chain.previous).all()
    assert np.isfinite(chain.following).all()
    assert np.allclose(chain.previous[1:], chain.here[:-1])
    assert np.allclose(np.linalg.norm(chain.previous[0] - chain.here[0]), 3.8)


def test_a_candidate_beside_a_path_is_dropped_and_a_distant_one_kept() -> None:
    index = np.concatenate([helix(10), helix(10)[4:5] + 1.2, np.array([[4.0, 4.0, 4.0]])])
    chain = trace_chain(candidates(index), *seen(backbone(index[:10])))[1]
    assert sorted(chain.candidate.tolist()) == [*range(10), 11]
    assert chain.path.tolist() == [0] * 10 + [-1]


def test_a_residue_that_no_vote_was_for_is_found_between_two_paths() -> None:
    true = helix(11)
    found, chain = trace_chain(candidates(np.delete(true, 5, axis=0)), *seen(backbone(true)))
    assert len(found) == 11
    assert np.linalg.norm(found.index[10] - true[5]) < 1.5
    assert chain.path.tolist() == [0] * 11
    assert chain.candidate.tolist().index(10) == 5
    assert 0.5 < found.probability[10] < 1


def test_paths_that_no_backbone_joins_stay_apart() -> None:
    true = helix(11)
    rest = np.delete(true, 5, axis=0)
    path = backbone(rest)
    z, y, x = np.mgrid[:28, :28, :28]
    path[np.linalg.norm(np.stack([x, y, z], axis=-1) - true[5], axis=-1) < 2.6] = 0
    found, chain = trace_chain(candidates(rest), *seen(path))
    assert len(found) == 10
    assert sorted(np.unique(chain.path)) == [0, 1]
