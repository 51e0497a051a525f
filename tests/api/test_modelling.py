"""Scores of models from Python."""

from __future__ import annotations

import numpy as np
import pytest

import cryotools as ct


def test_a_model_is_scored_against_the_map_it_makes(structure):
    volume = ct.molmap(structure, 3.0, grid_spacing=0.8)
    scores = ct.score_model(structure, reference=structure, volume=volume, resolution=3.0)
    figures = scores.figures()
    assert figures["reference"]["recall_1"] == 1
    assert figures["map"]["correlation_mask"] > 0.95
    assert figures["map"]["q_mean"] > 0.6
    assert len(list(scores.rows())) == figures["residues"]
    assert set(next(iter(scores.rows()))) == set(scores.columns())


def test_an_array_needs_a_voxel_size(structure):
    with pytest.raises(ct.CryotoolsError, match="voxel_size"):
        ct.score_model(structure, volume=np.zeros((9, 9, 9)))
    with pytest.raises(ct.CryotoolsError, match="volume"):
        ct.score_model(structure, resolution=3.0)
    with pytest.raises(ct.CryotoolsError, match="reference"):
        ct.score_model(structure, superpose=True)
