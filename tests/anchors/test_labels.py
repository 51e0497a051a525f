"""Ground truth of a real protein, of a few atoms, and of moved and repeated molecules."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from small_structures import A, write_pdb

from cryotools.anchors.labels import (
    AMINO_ACIDS,
    HELIX,
    POINTS,
    STRAND,
    UNKNOWN,
    ResidueTruth,
    residue_truth,
    several,
)
from cryotools.core.errors import DataError
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure


@pytest.fixture(scope="module")
def structure(trypsin: Path) -> Structure:
    structure = read_structure(trypsin)
    return structure[structure.kind == PROTEIN]


@pytest.fixture(scope="module")
def truth(structure: Structure) -> ResidueTruth:
    return residue_truth(structure)


def test_every_amino_acid_is_at_its_ca(structure: Structure, truth: ResidueTruth) -> None:
    ca = structure.atom_name == "CA"
    assert len(truth) == ca.sum() == 223
    assert np.allclose(truth.ca, structure.xyz[ca], atol=1e-4)
    names = structure.residue_name[ca]
    known = truth.amino != UNKNOWN
    assert known.mean() > 0.95
    letters = {letter: set(names[truth.amino == number]) for number, letter in enumerate(AMINO_ACIDS)}
    assert letters["G"] == {"GLY"}
    assert letters["W"] == {"TRP"}
    assert all(len(found) == 1 for found in letters.values() if found)


def test_the_neighbours_are_those_of_the_chain(truth: ResidueTruth) -> None:
    linked = np.flatnonzero(truth.after >= 0)
    assert len(linked) > 215
    assert np.array_equal(truth.after[linked], linked + 1)
    assert np.array_equal(truth.before[truth.after[linked]], linked)
    step = np.linalg.norm(truth.ca[truth.after[linked]] - truth.ca[linked], axis=1)
    assert np.allclose(step, 3.8, atol=0.2)
    assert (truth.before[0], truth.after[-1]) == (-1, -1)


def test_without_its_residue_a_chain_is_broken(structure: Structure, truth: ResidueTruth) -> None:
    gone = structure.residue_number != 100
    broken = residue_truth(structure[gone])
    assert len(broken) == len(truth) - 1
    assert (broken.after < 0).sum() == (truth.after < 0).sum() + 1
    assert (broken.before < 0).sum() == (truth.before < 0).sum() + 1


def test_trypsin_is_of_strands_with_a_helix_at_its_end(truth: ResidueTruth) -> None:
    assert 0.25 < np.mean(truth.state == STRAND) < 0.45
    assert 0.05 < np.mean(truth.state == HELIX) < 0.2
    assert (truth.state[-10:-2] == HELIX).all()


def test_points_of_the_path_follow_the_chain(truth: ResidueTruth) -> None:
    apart = np.linalg.norm(truth.path[:, None] - truth.ca[None], axis=2)
    assert apart.min(axis=1).max() < 2.6
    assert (apart.min(axis=0) < 1e-4).all()
    assert len(truth.path) == 5 * len(truth) + (truth.after >= 0).sum()


ALANINE = [("N", (0.0, 1.4, 0.0)), ("CA", (0.0, 0.0, 0.0)), ("C", (1.5, 0, 0)), ("O", (2.1, 1, 0)), ("CB", (-1, -1, 0))]


def residue(name: str, atoms: list, **more: object) -> list[A]:
    return [A(atom[0], tuple(map(float, xyz)), name=atom, residue=name, **more) for atom, xyz in atoms]


def made(folder: Path, *atoms: A) -> ResidueTruth:
    return residue_truth(read_structure(write_pdb(folder / "made.pdb", atoms)))


def test_the_centre_of_mass_is_that_of_heavy_atoms_once_each(tmp_path: Path) -> None:
    charge = {"N": 7, "C": 6, "O": 8}
    expected = sum(charge[atom[0]] * np.array(xyz) for atom, xyz in ALANINE) / (7 + 3 * 6 + 8)
    hydrogen = A("H", (9.0, 9.0, 9.0), name="HA")
    other = A("C", (-1.0, 1.0, 3.0), name="CB", altloc="B", occupancy=0.4)
    first = [
        A(one.element, one.xyz, one.name, altloc="A" if one.name == "CB" else " ") for one in residue("ALA", ALANINE)
    ]
    found = made(tmp_path, *first, other, hydrogen)
    assert np.allclose(found.mass, expected, atol=1e-3)
    assert AMINO_ACIDS[found.amino[0]] == "A"


@pytest.mark.parametrize(("name", "letter"), [("ALA", "A"), ("LEU", None), ("MSE", None), ("UNK", None)])
def test_amino_acids_with_a_part_missing_are_unknown(tmp_path: Path, name: str, letter: str | None) -> None:
    found = made(tmp_path, *residue(name, ALANINE))
    assert found.amino[0] == (UNKNOWN if letter is None else AMINO_ACIDS.index(letter))


def test_nucleotides_have_their_own_points(tmp_path: Path) -> None:
    names = [("P", "P"), ("C", "C4'"), ("C", "C1'"), ("N", "N9"), ("O", "O3'")]
    atoms = [
        A(element, (6.0 * number, float(at), 0.0), name=name, residue="DA", number=number)
        for number in (1, 2)
        for at, (element, name) in enumerate(names)
    ]
    found = made(tmp_path, *atoms)
    assert len(found) == 0
    for key, height in (("p", 0), ("c4", 1), ("c1", 2)):
        assert getattr(found, key).tolist() == [[6.0, height, 0.0], [12.0, height, 0.0]]


def test_a_structure_of_waters_has_nothing_to_teach(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither amino acids nor nucleotides"):
        made(tmp_path, A("O", (0.0, 0.0, 0.0), residue="HOH", hetero=True))


def test_a_molecule_is_moved_as_a_whole(structure: Structure, truth: ResidueTruth) -> None:
    turn, shift = Rotation.random(random_state=1).as_matrix(), np.array([3.0, -20.0, 7.0])
    moved, again = truth.moved(turn, shift), residue_truth(structure.with_xyz(structure.xyz @ turn.T + shift))
    for field in fields(ResidueTruth):
        one, other = getattr(moved, field.name), getattr(again, field.name)
        assert np.allclose(one, other, atol=1e-3) if field.name in POINTS else np.array_equal(one, other)


def test_copies_are_bonded_within_themselves(truth: ResidueTruth) -> None:
    both = several([truth, truth.moved(np.eye(3), np.array([100.0, 0, 0])), truth])
    assert len(both) == 3 * len(truth)
    linked = np.flatnonzero(both.after >= 0)
    assert len(linked) == 3 * (truth.after >= 0).sum()
    assert np.array_equal(both.before[both.after[linked]], linked)
    assert np.allclose(np.linalg.norm(both.ca[both.after[linked]] - both.ca[linked], axis=1), 3.8, atol=0.2)
