"""Chains from stretches that are placed on sequences."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.placement import log_odds_of_types
from cryotools.anchors.sequence import SequenceFit
from cryotools.modelling.chains.assemble import registered_chains, unregistered_chains
from cryotools.modelling.chains.lattice import Lattice, turns_of

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSG"
NO_DENSITY = np.zeros((4, 4, 4), dtype=np.float32)
ORIGIN = np.zeros(3)


def helix(count):
    """Cα atoms of a helix."""
    turn = np.radians(100) * np.arange(count)
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(count)], axis=1)


def detected(paths, ca, right=0.7):
    """Residues on paths, given as lists of positions of SEQUENCE, seen with probability `right` as what they are."""
    count = sum(len(path) for path in paths)
    types = np.full((count, 20), (1 - right) / 19, dtype=np.float32)
    for row, at in enumerate(at for path in paths for at in path):
        types[row, AMINO_ACIDS.find(SEQUENCE[at])] = right
    number = np.repeat(np.arange(len(paths)), [len(path) for path in paths]).astype(np.int32)
    each = np.arange(count)
    same = np.append(number[1:] == number[:-1], False)
    after = np.where(same, each + 1, -1).astype(np.int32)
    before = np.append(-1, np.where(same, each, -1)[:-1]).astype(np.int32)
    ones = np.ones(count, dtype=np.float32)
    return DetectedResidues(
        ca, ca, ones, types, 0.9 * ones, before, after, number, ones, np.ones((count, 3), np.float32) / 3, ones
    )


def chains_of(residues, fits, path=NO_DENSITY):
    """Built on a lattice of the bonds of paths, and of others of about their length."""
    apart = np.linalg.norm(residues.ca[:, None] - residues.ca, axis=2)
    steps = np.argwhere((apart > 3.5) & (apart < 4.1))
    turns = turns_of(residues.ca, steps)
    types = log_odds_of_types(residues.types[steps[turns[:, 0], 1]], np.full(20, 0.05))[:, :-1]
    lattice = Lattice(residues.ca, steps, np.ones(len(steps)), turns, types, np.zeros(len(turns)))
    return registered_chains(residues, fits, {"A": SEQUENCE}, lattice, path, ORIGIN)


def fit(residues, rows, first, path):
    position = first + np.arange(len(rows))
    return SequenceFit(
        path,
        np.asarray(rows),
        "A",
        position,
        "".join(SEQUENCE[at] for at in position),
        True,
        40.0,
        1e-9,
        1.0,
        np.ones(len(rows)),
        1.0,
        True,
    )


def test_stretches_of_one_path_are_one_chain_with_the_residues_between_them():
    places = list(range(40))
    residues = detected([places], helix(40))
    fits = [fit(residues, range(5, 15), 5, 0), fit(residues, range(20, 35), 20, 0)]
    (chain,) = chains_of(residues, fits)
    assert chain.position.tolist() == places  # the ends go on along the sequence, too
    assert chain.letters == SEQUENCE[:40]
    assert chain.residue.tolist() == places
    assert chain.bonded.sum() == 39


def test_a_gap_that_a_chain_cannot_span_makes_two_copies():
    ca = helix(30)
    ca[15:] += [100, 0, 0]
    residues = detected([range(15), range(20, 35)], ca)
    fits = [fit(residues, range(15), 0, 0), fit(residues, range(15, 30), 20, 1)]
    chains = chains_of(residues, fits)
    assert sorted(chain.position[0] for chain in chains) == [0, 20]


def test_a_gap_without_density_stays_a_gap():
    ca = helix(35)
    residues = detected([range(15), range(20, 35)], np.concatenate([ca[:15], ca[20:]]))
    fits = [fit(residues, range(15), 0, 0), fit(residues, range(15, 30), 20, 1)]
    (chain,) = chains_of(residues, fits)
    assert chain.position.tolist() == [*range(15), *range(20, 35)]
    assert not chain.bonded[14]


def test_a_short_piece_is_placed_where_its_chain_leaves_room():
    ca = helix(40)
    kept = [*range(15), *range(16, 21), *range(22, 40)]
    residues = detected([range(15), range(16, 21), range(22, 40)], ca[kept])
    fits = [fit(residues, range(15), 0, 0), fit(residues, range(20, 38), 22, 2)]
    (chain,) = chains_of(residues, fits)
    assert set(range(16, 21)) <= set(chain.position.tolist())
    assert chain.letters == "".join(SEQUENCE[at] for at in chain.position)


def test_a_missed_residue_within_a_stretch_is_put_between_its_neighbours():
    ca = helix(30) + 6
    grid = np.stack(np.meshgrid(np.arange(60), np.arange(13), np.arange(13), indexing="ij"), axis=-1)[..., ::-1]
    line = np.concatenate([a + np.linspace(0, 1, 10)[:, None] * (b - a) for a, b in itertools.pairwise(ca)])
    path = np.exp(-(cKDTree(line).query(grid)[0] ** 2)).astype(np.float32)
    rows = [*range(12), *range(13, 30)]
    residues = detected([rows], ca[rows])
    position = np.array(rows)
    one = SequenceFit(
        0,
        np.arange(29),
        "A",
        position,
        "".join(SEQUENCE[at] for at in rows),
        True,
        40.0,
        1e-9,
        1.0,
        np.ones(29),
        1.0,
        True,
    )
    (chain,) = chains_of(residues, [one], path)
    assert chain.position.tolist() == list(range(30))
    assert chain.residue[12] == -1
    assert np.linalg.norm(chain.ca[12] - ca[12]) < 3


@pytest.mark.parametrize(("least", "count"), [(5, 2), (10, 1), (30, 0)])
def test_long_paths_that_fit_nowhere_are_chains_of_unknown_residues(least, count):
    residues = detected([range(20), range(8)], np.concatenate([helix(20), helix(8) + 50]))
    chains = unregistered_chains(residues, np.zeros(28, dtype=bool), least)
    assert [len(chain) for chain in chains] == [20, 8][:count]
    assert all(set(chain.letters) == {"X"} for chain in chains)


def test_longer_unknown_chains_are_surer_to_be_in_place():
    residues = detected([range(20), range(8)], np.concatenate([helix(20), helix(8) + 50]))
    long, short = unregistered_chains(residues, np.zeros(28, dtype=bool), 5)
    assert 0.5 < short.confidence.max() < long.confidence.min() < 0.9


def test_a_residue_that_a_path_leaves_no_room_for_is_put_between_its_neighbours():
    ca = helix(29)
    positions = [*range(12), *range(13, 30)]
    residues = detected([positions], ca)
    one = replace(fit(residues, range(29), 0, 0), positions=np.array(positions))
    (chain,) = chains_of(residues, [one])
    assert chain.position.tolist() == list(range(30))
    assert chain.residue[12] == -1
    bonds = np.linalg.norm(np.diff(chain.ca, axis=0), axis=1)
    assert bonds.min() > 2.2  # spread over several bonds: half of one is 1.9
    assert np.linalg.norm(chain.ca[chain.residue >= 0] - ca, axis=1).max() < 3


def test_stretches_that_do_not_fit_a_single_copy_are_left_out():
    ca = helix(40)
    paths = [range(15), range(25, 40), [20, 21, 22, 23, 24, 25]]
    stray = helix(6) + np.array([80, 0, 0])
    residues = detected(paths, np.concatenate([ca[:15], ca[25:], stray]))
    fits = [fit(residues, range(15), 0, 0), fit(residues, range(15, 30), 25, 1), fit(residues, range(30, 36), 20, 2)]
    (chain,) = chains_of(residues, fits)
    assert chain.position.tolist() == [*range(15), *range(25, 40)]
    assert np.linalg.norm(chain.ca - ca[chain.position], axis=1).max() < 0.1
