"""Scores against a reference, of copies that are changed in known ways."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ideal_chains import STRAND, backbone, ca_trace, chain

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import Structure, concatenate
from cryotools.modelling.scoring.agreement import Agreement, agreement
from cryotools.modelling.scoring.lddt import ca_lddt
from cryotools.modelling.scoring.superpose import by_sequence, superposition
from cryotools.modelling.scoring.tm import tm_distance, tm_score
from cryotools.modelling.scoring.trace import ModelTrace, model_trace

LETTERS = "MKLVAENDRGIHFWYTSPCQ" * 2
COUNT = len(LETTERS)
XYZ = backbone(COUNT, *STRAND)[:, 1]


def _trace(structure: Structure) -> ModelTrace:
    return model_trace(find_residues(structure), "model.pdb")


def _compare(xyz: np.ndarray, letters: str = LETTERS) -> Agreement:
    return agreement(_trace(ca_trace(xyz, letters)), _trace(ca_trace(XYZ, LETTERS)))


def test_a_copy_is_perfect():
    found = _compare(XYZ)
    assert found.recall == found.precision == (1, 1, 1)
    assert (found.forward, found.backward, found.astray) == (1, 0, 0)
    assert (found.match, found.sequence_recall, found.longest_run) == (1, 1, COUNT)
    assert (found.rmsd, found.lddt, found.lddt_matched) == (0, 1, 1)
    assert (found.mean_tm.in_place, found.mean_tm.superposed) == (pytest.approx(1), pytest.approx(1))
    assert (found.pieces, found.chains[0].right) == (1, COUNT)
    assert (found.phenix.found, found.phenix.match, found.phenix.ca_score) == (100, 100, pytest.approx(10))


@pytest.mark.parametrize(("by", "within"), [(0.5, (1, 1, 1)), (1.5, (0, 1, 1)), (2.5, (0, 0, 1)), (50, (0, 0, 0))])
def test_a_shifted_copy_is_found_within_its_shift(by, within):
    axis = np.linalg.svd(XYZ - XYZ.mean(axis=0))[2][2]  # across the strand, so that no other Cα comes nearer
    found = _compare(XYZ + by * axis)
    assert found.recall == found.precision == within
    if within[-1]:
        assert found.rmsd == pytest.approx(by)
        assert found.mean_distance == pytest.approx(by)
        assert found.mean_tm.in_place == pytest.approx(1 / (1 + (by / tm_distance(COUNT)) ** 2))
        assert found.mean_tm.superposed == pytest.approx(1)
        assert found.lddt == 1  # distances stay as they are
        assert found.phenix.ca_score == pytest.approx(1 / by)


def test_a_reversed_copy_runs_backwards_and_says_nothing_of_the_sequence():
    found = _compare(XYZ[::-1], LETTERS[::-1])
    assert (found.forward, found.backward, found.astray) == (0, 1, 0)
    assert found.match == 1  # each residue has its type,
    assert found.longest_run == 1  # but none is followed by the right one
    assert (found.phenix.forward, found.phenix.reverse) == (0, COUNT)
    assert found.mean_tm.in_place < 0.3


def test_mutated_residues_count_as_wrong_and_unknown_ones_as_neither():
    mutated = "".join("A" if at % 4 == 0 and letter != "A" else letter for at, letter in enumerate(LETTERS))
    wrong = sum(a != b for a, b in zip(mutated, LETTERS, strict=True))
    found = _compare(XYZ, mutated)
    assert found.match == pytest.approx(1 - wrong / COUNT)
    assert found.sequence_recall == found.match
    same = "".join("." if a == b else " " for a, b in zip(mutated, LETTERS, strict=True))
    assert found.longest_run == max(map(len, same.split()))
    unknown = _compare(XYZ, "X" * 10 + LETTERS[10:])
    assert (unknown.match, unknown.sequence_recall) == (1, pytest.approx(1 - 10 / COUNT))


def test_part_of_a_model_has_full_precision_and_part_of_the_recall():
    found = _compare(XYZ[:10], LETTERS[:10])
    assert (found.recall[-1], found.precision[-1]) == (10 / COUNT, 1)
    assert found.lddt_matched == 1
    assert found.lddt < 10 / COUNT
    assert found.figures()["f1_3"] == pytest.approx(2 * 0.25 / 1.25)


def test_a_broken_chain_is_in_pieces_and_two_chains_have_a_score_each():
    keep = np.array([at for at in range(COUNT) if at not in (12, 30)])
    found = _compare(XYZ[keep], "".join(LETTERS[at] for at in keep))
    assert found.pieces == 3
    assert found.longest_run == 17
    both = concatenate([ca_trace(XYZ, LETTERS, "A"), ca_trace(XYZ + 100, LETTERS, "B")])
    one = agreement(_trace(ca_trace(XYZ, LETTERS, "C")), _trace(both))
    assert [chain.tm.in_place for chain in one.chains] == [pytest.approx(1), 0]
    assert one.mean_tm.in_place == pytest.approx(0.5)
    assert one.pieces == 1


def test_extra_atoms_are_false_positives_once_each():
    twice = np.concatenate([XYZ, XYZ + 0.1])
    found = agreement(_trace(ca_trace(twice, LETTERS * 2)), _trace(ca_trace(XYZ, LETTERS)))
    assert (found.recall[-1], found.precision[-1]) == (1, 0.5)
    assert found.phenix.close == COUNT


def test_d0_is_the_published_one():
    assert tm_distance(100) == pytest.approx(1.24 * 85 ** (1 / 3) - 1.8)
    assert tm_distance(10) == 0.5


def test_tm_aligns_in_order_and_skips_what_is_missing():
    gap = np.concatenate([XYZ[:15], XYZ[25:]])
    assert tm_score(gap, XYZ).in_place == pytest.approx(30 / COUNT)
    swapped = np.concatenate([XYZ[20:], XYZ[:20]])
    assert tm_score(swapped, XYZ).in_place == pytest.approx(0.5, abs=0.01)


def test_the_alignment_is_the_best_of_all_in_chain_order():
    rng = np.random.default_rng(7)
    model, reference = rng.normal(size=(2, 6, 3)) * 2
    d0 = tm_distance(6)
    best = max(
        sum(1 / (1 + (np.linalg.norm(model[i] - reference[j]) / d0) ** 2) for i, j in zip(one, other, strict=True))
        for count in range(7)
        for one in itertools.combinations(range(6), count)
        for other in itertools.combinations(range(6), count)
    )
    assert tm_score(model, reference).in_place == pytest.approx(best / 6)


def test_superposition_finds_the_motion_that_was_made():
    rng = np.random.default_rng(3)
    points = rng.normal(size=(30, 3)) * 10
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    motion = superposition(points @ turn.T + [3, -2, 7], points)
    assert motion.rmsd == pytest.approx(0, abs=1e-9)
    assert motion.turn @ turn == pytest.approx(np.eye(3))
    assert superposition(points * [1, 1, -1], points).rmsd > 5  # never by a mirror


def test_models_in_other_frames_are_brought_together_by_their_sequences():
    far = ca_trace(XYZ[5:] @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]).T + 40, LETTERS[5:])
    motion = by_sequence(_trace(far), _trace(ca_trace(XYZ, LETTERS)))
    assert motion.rmsd == pytest.approx(0, abs=1e-3)
    assert motion.degrees == pytest.approx(90, abs=0.01)
    assert by_sequence(_trace(ca_trace(XYZ, "X" * COUNT)), _trace(ca_trace(XYZ, LETTERS))) is None


def test_lddt_counts_distances_within_the_tolerances():
    points = np.array([[0.0, 0, 0], [10, 0, 0], [100, 0, 0]])
    moved = points.copy()
    moved[1, 0] += 1.5
    found = ca_lddt(points, moved)
    assert found[:2].tolist() == [0.5, 0.5]  # within 2 and 4 Å, not within 0.5 and 1
    assert np.isnan(found[2])
    moved[1] = np.nan
    assert ca_lddt(points, moved)[:2].tolist() == [0, 0]


def test_whole_and_traced_models_are_linked_alike():
    whole, bare = _trace(chain("AAAAAA", *STRAND)), _trace(ca_trace(XYZ[:6], "AAAAAA"))
    assert whole.after.tolist() == bare.after.tolist() == [1, 2, 3, 4, 5, -1]
    assert whole.before.tolist() == bare.before.tolist() == [-1, 0, 1, 2, 3, 4]
    assert set(whole.piece.tolist()) == {0}
