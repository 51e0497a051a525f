from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.structure import NUCLEIC, PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.sse.score import (
    ResidueScores,
    over_maps,
    score_map,
    score_residues,
    structured_recall_precision,
    voxel_f1,
)
from cryotools.sse.truth.assign import CLASS_NAMES, HELIX, NUCLEOTIDE, OTHER, SHEET, ClassedResidues, assign
from cryotools.sse.truth.labels import Labels, label_voxels

DATA = Path(__file__).parents[1] / "data"
GRID = Grid((12, 14, 16), (1.0, 1.2, 0.8), (-3.0, 2.0, 5.0))
C, H, E, N = OTHER, HELIX, SHEET, NUCLEOTIDE

ASSIGNED = [H, H, H, E, E, C, C, C, N, N]
PREDICTED = [H, H, E, E, C, H, C, C, N, H]
DENSITY = [3, 3, 3, 3, 3, 3, 3, 0.5, 3, 0.2]


def residues_of(classes: list[int]) -> ClassedResidues:
    m = len(classes)
    which = np.array(classes, dtype=np.uint8)
    return ClassedResidues(
        of_atom=np.arange(m),
        model=np.ones(m, dtype=np.int32),
        chain=np.full(m, "A"),
        residue_number=np.arange(10, 10 + m, dtype=np.int32),
        insertion_code=np.full(m, ""),
        residue_name=np.where(which == N, "G", "ALA"),
        kind=np.where(which == N, NUCLEIC, PROTEIN).astype(np.uint8),
        backbone=np.full((m, 4, 3), np.nan),
        linked=np.zeros(m, dtype=bool),
        code=np.full(m, "-"),
        classes=which,
        known=np.ones(m, dtype=bool),
    )


def atoms_at(xyz: np.ndarray, residues: ClassedResidues) -> Structure:
    """A Cα, or a phosphorus, for each residue."""
    m = len(residues)
    return Structure(
        xyz=np.asarray(xyz, dtype=float),
        element=np.full(m, 6, dtype=np.uint8),
        atom_name=np.where(residues.kind == NUCLEIC, "P", "CA"),
        residue_name=residues.residue_name,
        chain=residues.chain,
        residue_number=residues.residue_number,
        insertion_code=residues.insertion_code,
        altloc=np.full(m, ""),
        occupancy=np.ones(m, dtype=np.float32),
        b_factor=np.zeros(m, dtype=np.float32),
        hetero=np.zeros(m, dtype=bool),
        kind=residues.kind,
        model=residues.model,
    )


def certain(predicted: list[int], confidence: float = 0.7) -> np.ndarray:
    """Probabilities (m, 4) of `confidence` for the class predicted, the rest shared by the others."""
    probabilities = np.full((len(predicted), 4), (1 - confidence) / 3, dtype=np.float32)
    probabilities[np.arange(len(predicted)), predicted] = confidence
    return probabilities


def example() -> ResidueScores:
    return ResidueScores(residues_of(ASSIGNED), certain(PREDICTED), np.array(DENSITY, dtype=float))


def test_the_scores_of_a_map_are_as_by_hand():
    scores = score_map(example())
    assert (scores.n_residues, scores.n_dense) == (10, 8)
    # dense: the first seven and the first nucleotide; assigned H H H E E N, of which H H E N are found
    assert scores.recall == pytest.approx(4 / 6)
    # dense and predicted: H H E E H N, of which H H E N are right
    assert scores.precision == pytest.approx(4 / 6)
    # all eight called helix: 3 of the 6 structured, 3 of the 8 called
    assert (scores.recall_baseline, scores.precision_baseline) == pytest.approx((3 / 6, 3 / 8))
    # amino acids: H H . E . . C C
    assert scores.q3 == pytest.approx(5 / 8)
    assert scores.q3_baseline == pytest.approx(3 / 8)
    # helix 2/3, sheet 1/2, other 2/3, nucleotide 1/2
    assert scores.class_mean_recall == pytest.approx((2 / 3 + 1 / 2 + 2 / 3 + 1 / 2) / 4)
    # helix: 2 of 3 found, 2 of 4 called right
    assert scores.f1_helix == pytest.approx(2 * 2 / (3 + 4))
    assert scores.f1_sheet == pytest.approx(2 * 1 / (2 + 2))
    assert scores.f1_other == pytest.approx(2 * 2 / (3 + 3))
    assert scores.f1_nucleotide == pytest.approx(2 * 1 / (2 + 1))
    assert scores.ece == pytest.approx(0.7 - 6 / 10, abs=1e-6)
    assert scores.nucleotide_in_protein == 0


def test_recall_and_precision_part_when_coil_is_called_helix():
    assigned, predicted = np.array([H, H, C, C, C, C]), np.array([H, H, H, H, C, C])
    assert structured_recall_precision(assigned, predicted) == (1.0, 0.5)
    assert structured_recall_precision(assigned, np.full(6, C))[0] == 0
    assert np.isnan(structured_recall_precision(assigned, np.full(6, C))[1])


def test_residues_of_unknown_class_or_outside_the_map_do_not_count():
    whole = example()
    known = np.ones(10, dtype=bool)
    known[2] = False
    probabilities = whole.probabilities.copy()
    probabilities[5] = np.nan
    part = replace(whole, residues=replace(whole.residues, known=known), probabilities=probabilities)
    scores = score_map(part)
    assert (scores.n_residues, scores.n_dense) == (8, 6)
    assert (scores.recall, scores.precision) == pytest.approx((4 / 5, 4 / 4))
    assert scores.q3 == pytest.approx(5 / 6)


def test_a_map_without_amino_acids_has_no_q3():
    scores = score_map(ResidueScores(residues_of([N, N]), certain([N, N]), np.array([2.0, 2.0])))
    assert np.isnan([scores.q3, scores.q3_baseline, scores.nucleotide_in_protein, scores.f1_helix]).all()
    assert (scores.recall, scores.precision, scores.class_mean_recall) == (1, 1, 1)


def test_a_map_without_any_residue_scored_has_no_scores():
    nothing = ResidueScores(residues_of([H, E]), np.full((2, 4), np.nan, dtype=np.float32), np.full(2, np.nan))
    scores = score_map(nothing)
    assert scores.n_residues == scores.n_dense == 0
    assert all(np.isnan(value) for name, value in asdict(scores).items() if not name.startswith("n_"))


def test_probabilities_are_means_over_the_backbone_in_the_map():
    residues = residues_of([H, E, C])
    random = np.random.default_rng(0)
    maps = random.random((4, *GRID.shape)).astype(np.float32)
    volume = Volume.on(GRID, random.random(GRID.shape))
    inside = np.array([[2.1, 8.3, 10.2], [3.3, 9.1, 11.0], [5.0, 6.0, 8.8]])
    structure = atoms_at(inside, residues)
    structure = replace(structure, atom_name=np.array(["N", "C", "CB"]))
    residues = replace(residues, of_atom=np.array([0, 0, 1]))  # the third has no atom, the second only a side chain
    scores = score_residues(maps, volume, structure, residues)
    expected = [Volume.on(GRID, one).sample(inside[:2]).mean() for one in maps]
    assert scores.probabilities[0] == pytest.approx(expected, abs=1e-6)
    assert np.isnan(scores.probabilities[1:]).all()
    density = volume.sample(inside[:2]).mean()
    assert scores.density_sigma[0] == pytest.approx((density - volume.data.mean()) / volume.data.std(), rel=1e-4)
    assert scores.predicted[0] == np.argmax(expected)
    assert scores.scored.tolist() == [True, False, False]


def test_the_table_has_a_line_per_residue():
    rows = replace(example(), residues=replace(residues_of(ASSIGNED), known=np.arange(10) != 1)).rows()
    assert len(rows) == 10
    assert list(rows[0]) == [
        "chain", "residue_number", "insertion_code", "residue_name", "assigned", "predicted",
        "p_helix", "p_sheet", "p_nucleotide", "p_other", "density_sigma",
    ]  # fmt: skip
    assert rows[2]["residue_number"] == 12
    assert (rows[2]["assigned"], rows[2]["predicted"]) == ("helix", "sheet")
    assert rows[2]["p_sheet"] == pytest.approx(0.7)
    assert rows[8]["residue_name"] == "G"
    assert rows[1]["assigned"] is None
    nowhere = replace(example(), probabilities=np.full((10, 4), np.nan), density_sigma=np.full(10, np.nan)).rows()
    assert nowhere[0]["predicted"] is nowhere[0]["p_helix"] is nowhere[0]["density_sigma"] is None


def test_voxel_scores_are_as_by_hand():
    truth = np.array([[[C, C, H, H], [E, E, N, C]]], dtype=np.uint8)
    called = np.array([[[C, H, H, H], [E, C, H, N]]], dtype=np.uint8)
    counted = np.ones(truth.shape, dtype=bool)
    counted[0, 1, 3] = False  # a false nucleotide that does not count
    maps = np.moveaxis(certain(called.ravel().tolist()).reshape(*truth.shape, 4), -1, 0)
    found = voxel_f1(maps, Labels(truth, counted))
    assert list(found) == list(CLASS_NAMES)
    assert found["helix"] == pytest.approx(2 * 2 / (2 + 4))
    assert found["sheet"] == pytest.approx(2 * 1 / (2 + 1))
    assert found["nucleotide"] == 0
    assert found["other"] == pytest.approx(2 * 1 / (2 + 2))


def test_scores_over_maps_leave_out_maps_without_a_class():
    maps = [{"q3": 0.5, "f1_sheet": float("nan")}, {"q3": 0.7, "f1_sheet": 0.4}, {"q3": 0.9, "f1_sheet": 0.6}]
    found = over_maps(maps)
    assert (found["q3"].value, found["q3"].n) == (pytest.approx(0.7), 3)
    assert 0.5 <= found["q3"].low < 0.7 < found["q3"].high <= 0.9
    assert (found["f1_sheet"].value, found["f1_sheet"].n) == (0.5, 2)
    assert over_maps(maps, median=True)["q3"].value == 0.7
    assert over_maps([]) == {}


def test_labels_themselves_score_well_on_a_real_map():
    volume = read_map(DATA / "emd_3488_crop.mrc.gz")
    structure = read_structure(DATA / "5ni1_crop.pdb.gz")
    residues = assign(structure)
    labels = label_voxels(volume, structure, residues, conflicts="nearest")
    maps = np.stack([labels.classes == one for one in range(4)]).astype(np.float32)
    scores = score_map(score_residues(maps, volume, structure, residues))
    assert scores.recall > 0.9
    assert scores.precision > 0.9
    assert scores.q3 > 0.9 > scores.q3_baseline
    assert voxel_f1(maps, labels)["helix"] == 1


def test_maps_on_another_grid_and_constant_maps_are_refused():
    residues = residues_of([H])
    structure = atoms_at(np.array([[2.0, 8.0, 10.0]]), residues)
    volume = Volume.on(GRID, np.random.default_rng(0).random(GRID.shape))
    maps = np.zeros((4, *GRID.shape), dtype=np.float32)
    with pytest.raises(ValueError, match="do not fit"):
        score_residues(maps[:3], volume, structure, residues)
    with pytest.raises(ValueError, match="do not belong"):
        score_residues(maps, volume, structure, residues_of([H, H]))
    with pytest.raises(DataError, match="constant"):
        score_residues(maps, volume.with_data(maps[0]), structure, residues)
