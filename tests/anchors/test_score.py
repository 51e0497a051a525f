"""Scores of detections that are right, shifted, reversed, doubled or misnamed by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import UNKNOWN, ResidueTruth
from cryotools.anchors.score import anchors_by_type, counted, score_anchors, score_ca, score_found_types, score_types
from cryotools.core.maps.volume import Volume

N = 20
EVERY = np.ones(N, dtype=bool)


def truth() -> ResidueTruth:
    each, nothing = np.arange(N), np.zeros((0, 3), dtype=np.float32)
    ca = np.stack([3.8 * each, 0.0 * each, 0.0 * each], axis=1).astype(np.float32)
    return ResidueTruth(
        ca=ca,
        mass=ca + np.float32([0, 1.5, 0]),
        amino=(each % 4).astype(np.uint8),
        state=np.zeros(N, dtype=np.uint8),
        before=(each - 1).astype(np.int32),
        after=np.where(each < N - 1, each + 1, -1).astype(np.int32),
        path=nothing,
        p=nothing,
        c4=nothing,
        c1=nothing,
    )


def perfect() -> DetectedResidues:
    true = truth()
    types = np.full((N, 20), 0.1 / 19, dtype=np.float32)
    types[np.arange(N), true.amino] = 0.9
    return DetectedResidues(
        ca=true.ca.astype(float),
        mass=true.mass.astype(float),
        presence=np.ones(N, dtype=np.float32),
        types=types,
        confidence=np.full(N, 0.9, dtype=np.float32),
        before=true.before,
        after=true.after,
        path=np.zeros(N, dtype=np.int32),
        forward=np.ones(N, dtype=np.float32),
        state=np.zeros((N, 3), dtype=np.float32),
        density=np.ones(N, dtype=np.float32),
    )


def test_what_is_perfect_scores_1() -> None:
    ca, anchors = score_ca(perfect(), truth(), EVERY), score_anchors(perfect(), truth(), EVERY)
    assert (ca.recall_1, ca.precision_1, ca.rmsd, ca.forward, ca.backward, ca.astray) == (1, 1, 0, 1, 0, 0)
    assert (anchors.top1, anchors.precision, anchors.share, anchors.share_at_80, anchors.risk) == (1, 1, 1, 1, 0)
    assert anchors.ece == pytest.approx(0.1, abs=1e-6)


def test_a_shift_counts_only_within_larger_radii() -> None:
    found = replace(perfect(), ca=perfect().ca + np.array([0, 1.5, 0]))
    scores = score_ca(found, truth(), EVERY)
    assert (scores.recall_1, scores.recall_2, scores.recall_3) == (0, 1, 1)
    assert scores.rmsd == pytest.approx(1.5)


def test_a_chain_followed_backwards_is_told() -> None:
    found = replace(perfect(), before=perfect().after, after=perfect().before)
    scores = score_ca(found, truth(), EVERY)
    assert (scores.forward, scores.backward, scores.astray) == (0, 1, 0)


def test_two_detections_of_one_residue_are_one_right_and_one_wrong() -> None:
    found = perfect()
    found.ca[1] = found.ca[0] + 0.5
    scores = score_ca(found, truth(), EVERY)
    assert scores.recall_1 == scores.precision_1 == pytest.approx(1 - 1 / N)


def test_wrong_types_and_places_lower_precision_and_share() -> None:
    found = perfect()
    found.types[:5] = found.types[:5, ::-1]  # misnamed
    found.mass[5:7] += [0, 2.0, 0]  # off by 2 Å
    found.confidence[10:] = 0.5
    scores = score_anchors(found, truth(), EVERY)
    assert scores.precision == pytest.approx(0.5)
    assert scores.precision_tight == pytest.approx(0.3)
    assert scores.share == pytest.approx(5 / N)
    assert scores.top1 == pytest.approx(15 / N)
    assert scores.best_25 == 0  # the first five of ten equally confident ones


def test_residues_that_do_not_count_are_left_out() -> None:
    found = perfect()
    found.ca[0] += 100
    found.mass[0] += 100
    counts = EVERY.copy()
    counts[0] = False
    assert score_ca(found, truth(), counts).precision_3 == 1
    assert score_anchors(found, truth(), counts).precision == 1


def test_what_is_hardly_there_is_not_counted_as_found() -> None:
    found = perfect()
    found.presence[:5] = 0.4
    scores = score_ca(found, truth(), EVERY)
    assert (scores.recall_3, scores.precision_3) == (pytest.approx(15 / N), 1)


def test_types_that_the_model_does_not_tell_are_neither_right_nor_wrong() -> None:
    true = truth()
    true.amino[:5] = UNKNOWN
    scores = score_anchors(perfect(), true, EVERY)
    assert (scores.top1, scores.precision, scores.share, scores.share_at_80) == (1, 1, 1, 1)
    assert anchors_by_type(perfect(), true, EVERY).sum(axis=0).tolist() == [N - 5] * 3
    assert score_ca(perfect(), true, EVERY).recall_3 == 1


def test_density_without_a_model_does_not_count() -> None:
    data = np.zeros((20, 20, 20), dtype=np.float32)
    data[4, 4, 4] = data[15, 15, 15] = 5.0
    volume, atoms = Volume(data, (1.0, 1.0, 1.0)), np.array([[4.0, 4, 4]])
    places = np.array([[4.0, 4, 4], [15, 15, 15], [10, 15, 4]])  # modelled, not modelled, a false alarm in solvent
    assert counted(volume, places, atoms).tolist() == [True, False, True]


def test_anchors_are_counted_by_type() -> None:
    found = perfect()
    found.confidence[::2] = 0.1
    counts = anchors_by_type(found, truth(), EVERY)
    assert counts[:4].tolist() == [[5, 0, 0], [5, 5, 5], [5, 0, 0], [5, 5, 5]]
    assert not counts[4:].any()


def test_types_have_ranks_and_a_cross_entropy() -> None:
    logits = np.zeros((4, 20))
    amino = np.array([0, 1, 2, UNKNOWN], dtype=np.uint8)
    logits[0, 0] = 10  # first
    logits[1, [5, 6]] = 10  # third
    logits[1, 1] = 5
    logits[2, 3:10] = 10  # not among five
    scores = score_types(logits, amino)
    assert scores.n == 3
    assert (scores.top1, scores.top3, scores.top5) == pytest.approx((1 / 3, 2 / 3, 2 / 3))
    assert scores.counts[0, 0] == 1
    assert scores.counts.sum() == 3
    uniform = score_types(np.zeros((3, 20)), amino[:3])
    assert uniform.nats == pytest.approx(np.log(20))


def test_types_are_scored_where_residues_were_found() -> None:
    found = perfect()
    found.ca[:5] += [0, 50, 0]  # not found
    found.types[5:10] = found.types[5:10, ::-1]  # misnamed
    found.types[10:] = np.eye(20)[found.types[10:].argmax(axis=1)]  # sure, and right
    scores = score_found_types(found, truth(), EVERY)
    assert (scores.n, scores.top1) == (15, pytest.approx(2 / 3))
    assert np.isfinite(scores.nats)
    true = truth()
    true.amino[19] = UNKNOWN
    assert score_found_types(found, true, EVERY).n == 14
    assert score_found_types(found, true, ~EVERY).n == 0
