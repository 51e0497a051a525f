"""The ground truth of a real structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from small_structures import A, write_pdb

from cryotools.anchors.labels import AMINO_ACIDS, HELIX, STRAND, UNKNOWN, residue_truth, several
from cryotools.core.errors import DataError
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure

EXAMPLE = Path(__file__).parents[2] / "examples/1gbt.cif"


@pytest.fixture(scope="module")
def structure():  # type: ignore[no-untyped-def]
    whole = read_structure(EXAMPLE)
    return whole[whole.kind != WATER]


def test_residues_have_their_letters_order_and_classes(structure) -> None:  # type: ignore[no-untyped-def]
    truth, residues = residue_truth(structure), find_residues(structure)
    assert len(truth) == 223  # trypsin
    letters = residues.letters[np.isfinite(residues.ca).all(axis=1)]
    known = truth.amino != UNKNOWN
    assert known.mean() > 0.9
    assert "".join(np.array(list(AMINO_ACIDS))[truth.amino[known]]) == "".join(letters[known])
    bonded = truth.after >= 0
    assert np.array_equal(truth.before[truth.after[bonded]], np.flatnonzero(bonded))
    apart = np.linalg.norm(truth.ca[bonded] - truth.ca[truth.after[bonded]], axis=1)
    assert np.median(apart) == pytest.approx(3.8, abs=0.02)
    assert np.bincount(truth.state, minlength=3)[STRAND] > np.bincount(truth.state, minlength=3)[HELIX] > 10


def test_centres_of_mass_are_those_of_the_heavy_atoms(structure) -> None:  # type: ignore[no-untyped-def]
    truth, residues = residue_truth(structure), find_residues(structure)
    number = int(np.flatnonzero(residues.residue_name == "TRP")[0])
    mine = (residues.of_atom == number) & (structure.element > 1)
    expected = np.average(structure.xyz[mine], axis=0, weights=structure.element[mine])
    assert np.linalg.norm(truth.mass - expected, axis=1).min() < 1e-3


def test_an_incomplete_side_chain_has_no_known_type(structure) -> None:  # type: ignore[no-untyped-def]
    residues = find_residues(structure)
    number = int(np.flatnonzero(residues.residue_name == "LYS")[3])
    kept = structure[~((residues.of_atom == number) & np.isin(structure.atom_name, ("CE", "NZ")))]
    assert (residue_truth(kept).amino == UNKNOWN).sum() == (residue_truth(structure).amino == UNKNOWN).sum() + 1


def test_copies_are_moved_whole_and_keep_their_own_neighbours(structure) -> None:  # type: ignore[no-untyped-def]
    truth = residue_truth(structure)
    turn, shift = Rotation.random(random_state=0).as_matrix(), np.array([10.0, 0, -5])
    two = several([truth, truth.moved(turn, shift)])
    assert len(two) == 2 * len(truth)
    assert np.allclose(two.ca[len(truth) :], truth.ca @ turn.T + shift, atol=1e-3)
    bonded = two.after >= 0
    apart = np.linalg.norm(two.ca[bonded] - two.ca[two.after[bonded]], axis=1)
    assert apart.max() < 4.2


def test_a_structure_without_residues_is_refused(structure) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="neither amino acids nor nucleotides"):
        residue_truth(structure[structure.atom_name == "N"])


def test_a_chain_without_one_of_its_residues_is_broken(structure) -> None:  # type: ignore[no-untyped-def]
    whole, broken = residue_truth(structure), residue_truth(structure[structure.residue_number != 100])
    assert len(broken) == len(whole) - 1
    for key in ("before", "after"):
        assert (getattr(broken, key) < 0).sum() == (getattr(whole, key) < 0).sum() + 1


def test_points_of_the_path_follow_the_chain(structure) -> None:  # type: ignore[no-untyped-def]
    truth = residue_truth(structure)
    apart = np.linalg.norm(truth.path[:, None] - truth.ca[None], axis=2)
    assert apart.min(axis=1).max() < 2.6
    assert (apart.min(axis=0) < 1e-4).all()
    assert len(truth.path) == 5 * len(truth) + (truth.after >= 0).sum()


ALANINE = {"N": (0.0, 1.4, 0.0), "CA": (0.0, 0.0, 0.0), "C": (1.5, 0.0, 0.0), "O": (2.1, 1.0, 0.0), "CB": (-1.0, -1, 0)}


def test_alternative_locations_and_hydrogens_do_not_move_the_centre_of_mass(tmp_path: Path) -> None:
    number = {"N": 7, "C": 6, "O": 8}
    weights = [number[name[0]] for name in ALANINE]
    expected = np.average(list(ALANINE.values()), axis=0, weights=weights)
    atoms = [A(name[0], xyz, name, altloc="A" if name == "CB" else " ") for name, xyz in ALANINE.items()]
    atoms += [A("C", (-1.0, 1.0, 3.0), "CB", altloc="B", occupancy=0.4), A("H", (9.0, 9.0, 9.0), "HA")]
    found = residue_truth(read_structure(write_pdb(tmp_path / "a.pdb", atoms)))
    assert np.allclose(found.mass, expected, atol=1e-3)
    assert AMINO_ACIDS[found.amino[0]] == "A"


def test_nucleotides_have_points_of_their_own(tmp_path: Path) -> None:
    names = [("P", "P"), ("C", "C4'"), ("C", "C1'"), ("N", "N9"), ("O", "O3'")]
    atoms = [
        A(element, (6.0 * number, float(at), 0.0), name, residue="DA", number=number)
        for number in (1, 2)
        for at, (element, name) in enumerate(names)
    ]
    found = residue_truth(read_structure(write_pdb(tmp_path / "n.pdb", atoms)))
    assert len(found) == 0
    for key, height in (("p", 0), ("c4", 1), ("c1", 2)):
        assert getattr(found, key).tolist() == [[6.0, height, 0.0], [12.0, height, 0.0]]


def test_a_structure_without_polymers_is_refused(tmp_path: Path) -> None:
    water = A("O", (0.0, 0.0, 0.0), residue="HOH", hetero=True)
    with pytest.raises(DataError, match="neither amino acids nor nucleotides"):
        residue_truth(read_structure(write_pdb(tmp_path / "w.pdb", [water])))
