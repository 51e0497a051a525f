"""What a model says of the residues found, where the answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from found_residues import found_residues

from cryotools.anchors.compare import RIGHT, UNJUDGED, WRONG_PLACE, WRONG_TYPE, compare_with_model
from cryotools.anchors.detected import Detection
from cryotools.anchors.labels import UNKNOWN, residue_truth
from cryotools.core.errors import DataError
from cryotools.core.maps.levels import Levels
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.structurefile import read_structure

DATA = Path(__file__).parents[1] / "data"
MODEL, VOLUME = read_structure(DATA / "5ni1_crop.pdb.gz"), read_map(DATA / "emd_3488_crop.mrc.gz")
TRUTH = residue_truth(MODEL)
IN_MAP = int(VOLUME.grid.contains(TRUTH.ca).sum())
INSIDE = np.flatnonzero(VOLUME.grid.contains(TRUTH.ca) & (TRUTH.amino != UNKNOWN))[:40]


def detection(at: np.ndarray, amino: np.ndarray, shift: np.ndarray | float = 0.0) -> Detection:
    """The model's residues `at` (n,), as found, with these types and displaced."""
    residues = found_residues(np.eye(20)[amino], [len(at)], ca=TRUTH.ca[at] + shift, mass=TRUTH.mass[at] + shift)
    return Detection(VOLUME, residues, {}, Levels(0.0, 1.0, 5.0, None), 3.2)


def test_a_model_agrees_with_itself() -> None:
    found = compare_with_model(detection(INSIDE, TRUTH.amino[INSIDE]), MODEL)
    assert set(found.verdict) == {RIGHT}
    assert found.recall == pytest.approx(len(INSIDE) / IN_MAP)
    assert found.share_right(np.arange(10)) == 1


def test_types_and_places_are_told_apart() -> None:
    amino = TRUTH.amino[INSIDE].astype(int)
    amino[:5] = (amino[:5] + 1) % 20
    found = compare_with_model(detection(INSIDE, amino), MODEL)
    assert set(found.verdict[:5]) == {WRONG_TYPE}
    assert set(found.verdict[5:]) == {RIGHT}
    assert found.share_right(np.arange(10)) == 0.5
    twice = np.repeat(INSIDE[:1], 2)
    found = compare_with_model(detection(twice, TRUTH.amino[twice], np.array([[0.0], [0.5]])), MODEL)
    assert found.verdict.tolist() == [RIGHT, WRONG_PLACE]  # one residue cannot be found twice


def test_what_a_model_cannot_tell_is_not_judged() -> None:
    atoms = MODEL[(MODEL.atom_name == "CA") | (MODEL.atom_name == "N")]
    found = compare_with_model(detection(INSIDE, TRUTH.amino[INSIDE]), atoms)
    assert set(found.verdict) == {UNJUDGED}  # side chains are incomplete
    assert np.isnan(found.share_right(np.arange(10)))
    assert found.recall == pytest.approx(len(INSIDE) / IN_MAP)
    dense = VOLUME.with_data(VOLUME.data + 100 * (np.indices(VOLUME.data.shape).sum(axis=0) < 6))
    far = replace(detection(INSIDE[:1], TRUTH.amino[INSIDE[:1]]), volume=dense)
    corner = np.array([VOLUME.origin])
    assert np.linalg.norm(MODEL.xyz - corner, axis=1).min() > 5
    unmodelled = replace(far, residues=replace(far.residues, ca=corner, mass=corner))
    assert compare_with_model(unmodelled, MODEL).verdict.tolist() == [UNJUDGED]


def test_nothing_found_can_be_compared() -> None:
    nothing = np.zeros(0, dtype=int)
    found = compare_with_model(detection(nothing, nothing), MODEL)
    assert (len(found.verdict), found.recall) == (0, 0)


def test_a_model_elsewhere_is_refused() -> None:
    with pytest.raises(DataError, match="no amino acid lies in the map"):
        compare_with_model(detection(INSIDE, TRUTH.amino[INSIDE]), MODEL.with_xyz(MODEL.xyz + 500))
