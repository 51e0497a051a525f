"""Models with known errors, checked against a map in which amino acids are seen as they are in the right model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from anchor_networks import untrained
from found_residues import USUAL, found_residues, seen_types
from scipy.spatial import cKDTree

from cryotools.anchors import modelcheck
from cryotools.anchors.detected import Detection
from cryotools.anchors.modelcheck import CHECK_COLUMNS, FITS, UNSEEN, check_model, scored_structure, write_check
from cryotools.anchors.predict import AnchorDetector
from cryotools.anchors.register import REVERSED, SHIFTED
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import DataError
from cryotools.core.files.table import csv_text
from cryotools.core.maps.levels import find_levels
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.selection import select
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.write import pdb_text
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around

EXAMPLE = Path(__file__).parents[2] / "examples/1gbt.cif"
STRUCTURE = read_structure(EXAMPLE)
STRUCTURE = STRUCTURE[select(STRUCTURE, "protein")]
RESIDUES = find_residues(STRUCTURE)
LETTERS = "".join(RESIDUES.letters)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> AnchorDetector:
    return AnchorDetector(*untrained(tmp_path_factory.mktemp("weights")), Compute("cpu"))


@pytest.fixture(scope="module")
def detection() -> Detection:
    """The right Cα atoms, as if found."""
    grid = grid_around(STRUCTURE, 1.0, 6.0)
    volume = Volume.on(grid, molmap_density(STRUCTURE, grid, MapOptions(4.0)))
    types = seen_types(LETTERS, 2.0, np.random.default_rng(0))
    residues = found_residues(types, [len(types)], ca=RESIDUES.ca)
    return Detection(volume, residues, {}, find_levels(volume), 4.0)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, detection: Detection) -> None:
    """The network sees the right amino acids, with noise, and knows wrong frames."""
    types = np.log(seen_types(LETTERS, 2.0, np.random.default_rng(0)))
    there = detection.volume.world_to_index(RESIDUES.ca)

    def types_at(network, density, before, here, after, resolution, compute=None) -> np.ndarray:
        distance, which = cKDTree(there).query(here)
        right = np.einsum("ni,ni->n", after - before, there[(which + 1) % len(there)] - there[which - 1]) > 0
        logits = np.where((right & (distance < 1))[:, None], types[which], np.log(USUAL))
        return np.column_stack([logits, np.where(right, -3.0, 3.0)])

    monkeypatch.setattr(modelcheck, "types_at", types_at)


def renamed(names: np.ndarray) -> Structure:
    return replace(STRUCTURE, residue_name=names[RESIDUES.of_atom])


@pytest.mark.usefixtures("seen")
def test_a_right_model_fits(detector, detection) -> None:
    found = check_model(detector, detection, STRUCTURE)
    assert len(found) == len(RESIDUES)
    assert found.mismatches == []
    assert found.counts() == {FITS: len(RESIDUES)}
    assert np.all(found.register.score > 0)
    rows = list(found.rows())
    assert all(tuple(row) == CHECK_COLUMNS for row in rows)
    assert {row["best_shift"] for row in rows} == {0}
    assert [row["residue"] for row in rows] == RESIDUES.residue_name.tolist()
    assert csv_text(CHECK_COLUMNS, rows).startswith("chain,residue_number")


@pytest.mark.usefixtures("seen")
def test_a_stretch_out_of_register_is_said_with_its_shift(detector, detection) -> None:
    names = RESIDUES.residue_name.copy()
    names[80:120] = RESIDUES.residue_name[78:118]  # what is seen at a residue is what is two further in the model
    found = check_model(detector, detection, renamed(names))
    (one,) = found.mismatches
    assert (one.kind, one.shift) == (SHIFTED, 2)
    rows = list(found.rows())
    assert rows[100]["verdict"] == SHIFTED
    assert rows[100]["best_shift"] == 2
    assert rows[100]["shift_gain"] > 0.5
    assert rows[40]["verdict"] == FITS


@pytest.mark.usefixtures("seen")
def test_a_chain_traced_backwards_is_said(detector, detection) -> None:
    alpha = STRUCTURE[STRUCTURE.atom_name == "CA"]
    found = check_model(detector, detection, alpha.with_xyz(alpha.xyz[::-1]))  # Cα alone are linked by distance
    assert len(found) == len(RESIDUES)
    assert {one.kind for one in found.mismatches} == {REVERSED}
    assert found.counts()[REVERSED] > 0.8 * len(RESIDUES)


@pytest.mark.usefixtures("seen")
def test_residues_where_none_is_found_are_unseen(detector, detection) -> None:
    part = replace(detection, residues=found_residues(detection.residues.types, [223], ca=RESIDUES.ca + 100.0))
    assert check_model(detector, part, STRUCTURE).counts() == {UNSEEN: len(RESIDUES)}
    none = replace(detection, residues=found_residues(np.zeros((0, 20)), []))
    assert check_model(detector, none, STRUCTURE).counts() == {UNSEEN: len(RESIDUES)}


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize("name", ["check.csv", "check.pdb", "check.cif"])
def test_a_check_is_a_table_or_a_model_with_scores(tmp_path: Path, detector, detection, name: str) -> None:
    found = check_model(detector, detection, STRUCTURE)
    write_check(str(tmp_path / name), STRUCTURE, found)
    if name.endswith("csv"):
        assert len((tmp_path / name).read_text().splitlines()) == 1 + len(found)
    else:
        read = read_structure(tmp_path / name)
        assert np.allclose(read.b_factor, 100 * found.register.score[RESIDUES.of_atom], atol=0.01)


@pytest.mark.usefixtures("seen")
def test_scores_are_written_as_b_factors(detector, detection) -> None:
    found = check_model(detector, detection, STRUCTURE)
    scored = scored_structure(STRUCTURE, found)
    assert np.allclose(scored.b_factor, 100 * found.register.score[RESIDUES.of_atom], atol=1e-3)
    assert np.array_equal(scored.xyz, STRUCTURE.xyz)
    assert pdb_text(scored).count("ATOM") >= len(STRUCTURE)
    low = replace(found, register=replace(found.register, score=np.full(len(found), -5.0)))
    assert scored_structure(STRUCTURE, low).b_factor == pytest.approx(-99.99)


def test_real_networks_are_asked_about_every_framed_residue(detector, detection) -> None:
    found = check_model(detector, detection, STRUCTURE[RESIDUES.of_atom[: len(STRUCTURE)] < 40])
    assert len(found) == 40
    assert np.isfinite(found.register.score).all()
    assert found.presence == pytest.approx(0.9)


def test_a_model_elsewhere_is_refused(detector, detection) -> None:
    with pytest.raises(DataError, match="no amino acid lies in the map"):
        check_model(detector, detection, STRUCTURE.with_xyz(STRUCTURE.xyz + 500))
    with pytest.raises(DataError, match="no amino acid lies in the map"):
        check_model(detector, detection, STRUCTURE[:0])
