"""What is found, judged by a model, and the calibration fitted to it."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.anchors.confidence import Evidence
from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import UNKNOWN, ResidueTruth
from cryotools.anchors.learning.calibrate import Judged, fit_calibration, judge

N = 12


def chain() -> tuple[DetectedResidues, Evidence, ResidueTruth]:
    """A chain found in its whole length, the first half of it misnamed, in the order of the model."""
    each, nothing = np.arange(N), np.zeros((0, 3), dtype=np.float32)
    ca = np.stack([3.8 * each, 0.0 * each, 0.0 * each], axis=1)
    before, after = (each - 1).astype(np.int32), np.where(each < N - 1, each + 1, -1).astype(np.int32)
    amino = (each % 5).astype(np.uint8)
    truth = ResidueTruth(
        ca.astype(np.float32), ca, amino, np.zeros(N, np.uint8), before, after, nothing, nothing, nothing, nothing
    )
    named = np.where(each < N // 2, (amino + 1) % 20, amino)
    types = np.full((N, 20), 0.2 / 19, dtype=np.float32)
    types[each, named] = 0.8
    ones = np.ones(N, dtype=np.float32)
    state = np.zeros((N, 3), dtype=np.float32)
    found = DetectedResidues(ca, ca, ones, types, 0.8 * ones, before, after, np.zeros(N, np.int32), ones, state, ones)
    evidence = Evidence(0.9 * ones, 2.0 * ones, ones, types, 0.9 * ones, 3.0 * ones, 3.0)
    return found, evidence, truth


def test_places_types_and_directions_are_judged() -> None:
    found, evidence, truth = chain()
    found.ca[-1] += 50
    judged = judge(found, evidence, truth, np.ones(N, dtype=bool))
    assert judged.there.tolist() == [True] * (N - 1) + [False]
    assert judged.right.tolist() == [False] * (N // 2) + [True] * (N // 2 - 1) + [False]
    assert judged.direction[0].tolist() == [3.0]
    assert judged.direction[1].tolist() == [True]


def test_a_path_in_the_wrong_direction_is_judged_wrong() -> None:
    found, evidence, truth = chain()
    reverse = ResidueTruth(**{**vars(truth), "before": truth.after, "after": truth.before})
    assert judge(found, evidence, reverse, np.ones(N, dtype=bool)).direction[1].tolist() == [False]


def test_residues_that_do_not_count_are_not_judged() -> None:
    found, evidence, truth = chain()
    counts = np.arange(N) >= 6
    judged = judge(found, evidence, truth, counts)
    assert len(judged.there) == len(judged.evidence.ca) == 6
    assert judged.right.all()


def test_types_that_the_model_does_not_tell_are_left_out_of_the_fit_of_types() -> None:
    found, evidence, truth = chain()
    truth.amino[: N // 2] = UNKNOWN
    judged = judge(found, evidence, truth, np.ones(N, dtype=bool))
    assert judged.there.all()
    assert judged.right[judged.typed].all()
    assert judged.typed.tolist() == [False] * (N // 2) + [True] * (N // 2)


def test_the_fit_matches_how_often_residues_are_right() -> None:
    random = np.random.default_rng(0)
    maps = []
    for _ in range(4):
        n = 2000
        sure = random.uniform(0.1, 0.99, n)
        types = np.full((n, 20), 0.0)
        types[:, 0], types[:, 1] = sure, 1 - sure
        there = random.random(n) < 0.8
        right = there & (random.random(n) < sure / 2)  # half as often as the network says
        evidence = Evidence(np.full(n, 0.5), np.ones(n), np.ones(n), types, np.full(n, 0.9), np.zeros(n), 3.0)
        nats = random.uniform(0, 10, 50)
        ways = random.random(50) < 1 / (1 + np.exp(-0.4 * nats))
        maps.append(Judged(evidence, there, right, np.ones(len(right), dtype=bool), (nats, ways)))
    found = fit_calibration(maps)
    presence, _, confidence = found.judge(maps[0].evidence)
    assert presence.mean() == pytest.approx(0.8, abs=0.02)
    assert found.direction == pytest.approx(0.4, abs=0.1)
    highest = maps[0].evidence.types[:, 0] > 0.9
    assert confidence[highest].mean() == pytest.approx(maps[0].right[highest].mean(), abs=0.08)
    assert confidence.mean() == pytest.approx(np.mean([one.right.mean() for one in maps]), abs=0.02)
