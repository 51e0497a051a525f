"""Confidences of known reliability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cryotools.core.structures.structure import PROTEIN
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling.scoring.confidence import confidence_scores
from cryotools.modelling.scoring.score import score_structure


def test_confidences_that_hold_have_no_error():
    confidence = np.repeat([0.95, 0.75], [20, 8])
    right = np.concatenate([np.arange(20) < 19, np.arange(8) < 6])
    found = confidence_scores(confidence, right)
    assert found.ece == pytest.approx(0)
    assert found.mean == pytest.approx(found.right)
    assert (found.sure, found.sure_right) == (20 / 28, 0.95)
    assert found.reliability == ((0.7, 8, pytest.approx(0.75), 0.75), (0.9, 20, pytest.approx(0.95), 0.95))


def test_too_much_confidence_is_an_error_of_its_size():
    found = confidence_scores(np.full(10, 1.0), np.arange(10) < 6)
    assert found.ece == pytest.approx(0.4)
    assert (found.sure_right, found.risk) == (0.6, pytest.approx(0.4))


def test_without_sure_residues_nothing_is_said_of_them():
    found = confidence_scores(np.zeros(4), np.zeros(4, dtype=bool))
    assert (found.ece, found.sure) == (0, 0)
    assert np.isnan(found.sure_right)
    assert found.reliability == ((0.0, 4, 0.0, 0.0),)


def test_an_unknown_residue_is_right_if_it_is_in_place(trypsin):
    structure = read_structure(trypsin)
    structure = structure[structure.kind == PROTEIN]
    structure = replace(structure, b_factor=np.full(len(structure), 100, dtype=np.float32))
    first, second = structure.residue_number < 50, structure.residue_number > 200
    names = np.where(first | second, "UNK", structure.residue_name)
    model = replace(structure, residue_name=names, xyz=structure.xyz + np.where(second, 50, 0)[:, None])
    found = score_structure(model, reference=structure, confidence=True).confidence
    astray = second[structure.atom_name == "CA"].mean()
    assert found.right == pytest.approx(1 - astray)
