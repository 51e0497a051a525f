"""Scores of residues, and the baseline that sees how exposed they are."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structurefile import read_structure
from cryotools.sites.residues import exposure, score_sites, standard_exposure


def test_a_perfect_ranking_and_a_blind_one():
    truth = np.array([True, False, False, True])
    known = np.ones(4, dtype=bool)
    perfect = score_sites(np.array([0.9, 0.1, 0.2, 0.8]), truth, known)
    assert (perfect.n, perfect.prior, perfect.ap, perfect.auc) == (4, 0.5, 1.0, 1.0)
    blind = score_sites(np.zeros(4), truth, known)
    assert blind.auc == 0.5
    assert blind.ap == pytest.approx(0.5)


def test_residues_that_are_unknown_or_outside_the_map_are_not_judged():
    truth, known = np.array([True, False, True, False]), np.array([True, True, False, True])
    one = score_sites(np.array([0.9, 0.1, 0.2, np.nan]), truth, known)
    assert (one.n, one.prior) == (2, 0.5)
    assert score_sites(np.ones(4), np.zeros(4, dtype=bool), known) is None


def test_exposure_counts_neighbours(trypsin):
    residues = find_residues(read_structure(trypsin))
    ca = residues.ca
    at = int(np.flatnonzero(np.isfinite(ca).all(axis=1))[50])
    near = np.linalg.norm(ca - ca[at], axis=1) <= 10
    assert exposure(residues)[at] == -np.count_nonzero(near)
    standard = standard_exposure(residues)
    there = np.isfinite(exposure(residues))
    assert standard[there].mean() == pytest.approx(0, abs=1e-9)
    assert standard[there].std() == pytest.approx(1)
    assert not standard[~there].any()
