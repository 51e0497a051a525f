"""Geometry of models: ideal chains have no faults, and each fault that is made is found where it was made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ideal_chains import STRAND, backbone, chain, of_backbone

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import Structure, concatenate
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling.geometry.check import Geometry, check_geometry
from cryotools.modelling.geometry.clashes import find_clashes
from cryotools.modelling.geometry.ideal import ideal_values, peptide_ideals
from cryotools.modelling.geometry.measure import chiral_volumes, placed_atoms
from cryotools.modelling.geometry.targets import geometry_targets


def _check(structure: Structure) -> Geometry:
    return check_geometry(structure, find_residues(structure))


def _moved(structure: Structure, residue: int, atom: str, by) -> Structure:
    xyz = structure.xyz.copy()
    xyz[(structure.residue_number == residue) & (structure.atom_name == atom)] += by
    return structure.with_xyz(xyz)


@pytest.mark.parametrize(("phi", "psi"), [(-62, -43), STRAND])
def test_an_ideal_chain_has_no_fault(phi, psi):
    found = _check(chain("AAKLSEAG" * 3, phi, psi)).summary
    assert (found.favoured, found.outliers) == (1, 0)
    assert (found.cis, found.cis_proline, found.twisted, found.cbeta_outliers) == (0, 0, 0, 0)
    assert (found.bond_outliers, found.angle_outliers, found.nonplanar, found.mirrored, found.clashes) == (0,) * 5
    assert found.bond_rmsd < 0.01
    assert found.angle_rmsd < 1.5


def test_peptide_bonds_are_told_apart():
    cis = _check(chain("AAPAA", *STRAND, omega=0.0))
    assert (cis.summary.cis, cis.summary.cis_proline, cis.summary.twisted) == (3, 1, 0)
    assert cis.peptides.tolist() == ["", "cis", "cis", "cis", "cis"]
    assert _check(chain("AAAAA", *STRAND, omega=90.0)).summary.twisted == 4
    assert _check(chain("AAAAA", *STRAND, omega=160.0)).summary.twisted == 0


def test_a_bond_that_is_too_long_is_found_in_its_residue():
    straight = chain("AAAAA")
    at = np.flatnonzero((straight.residue_number == 3) & np.isin(straight.atom_name, ("CA", "CB")))
    ca, cb = straight.xyz[at]
    found = _check(_moved(straight, 3, "CB", 0.2 * (cb - ca) / np.linalg.norm(cb - ca)))
    assert found.summary.bond_outliers == 1
    assert found.bond_z[2] == pytest.approx((1.730 - 1.520) / 0.021, abs=0.2)
    assert np.abs(np.delete(found.bond_z, 2)).max() < 1
    assert found.cbeta[2] == pytest.approx(0.2, abs=0.02)
    assert found.summary.cbeta_outliers == 0


def test_a_mirrored_chain_has_every_centre_of_the_wrong_hand():
    ala = chain("AAAAAAAA")
    found = _check(ala.with_xyz(ala.xyz * [1, 1, -1]))
    assert found.summary.mirrored == 8
    assert found.summary.cbeta_outliers == 8
    assert found.summary.bond_rmsd == pytest.approx(_check(ala).summary.bond_rmsd)
    assert found.summary.outliers < 1  # a left-handed helix is allowed to alanine


def test_an_oxygen_out_of_the_peptide_plane_is_found():
    ala = chain("AAAAAA")
    at = {name: np.flatnonzero((ala.residue_number == 3) & (ala.atom_name == name))[0] for name in ("CA", "C", "O")}
    normal = np.cross(ala.xyz[at["CA"]] - ala.xyz[at["C"]], ala.xyz[at["O"]] - ala.xyz[at["C"]])
    found = _check(_moved(ala, 3, "O", 0.9 * normal / np.linalg.norm(normal)))
    assert found.nonplanar.tolist() == [0, 0, 1, 0, 0, 0]


def test_planes_and_chirality_of_side_chains_come_out_right_in_trypsin(trypsin):
    found = _check(read_structure(trypsin)).summary
    assert (found.mirrored, found.nonplanar) == (0, 0)
    assert (found.cbeta, found.cbeta_outliers) == (198, 37)  # cctbx 2025.11: the same
    assert (found.cis, found.cis_proline, found.twisted) == (0, 0, 0)  # the same
    assert found.bond_rmsd < 0.03
    assert found.angle_rmsd < 4


def test_every_target_is_between_atoms_that_are_named_so(trypsin):
    structure = read_structure(trypsin)
    residues = find_residues(structure)
    targets = geometry_targets(structure, residues)
    known = {one.atoms for name, ideals in ideal_values().items() for one in ideals if name[0] != "+"}
    inner = residues.of_atom[targets.bonds.atoms]
    same = (inner[:, 0] == inner[:, 1]).nonzero()[0]
    names = structure.atom_name[targets.bonds.atoms[same]]
    assert {tuple(map(str, pair)) for pair in names} <= known
    across = np.flatnonzero(inner[:, 0] != inner[:, 1])
    assert set(map(tuple, structure.atom_name[targets.bonds.atoms[across]].tolist())) == {("C", "N")}
    assert len(across) == residues.linked.sum()


def test_a_peptide_bond_before_proline_has_its_own_angles():
    usual, trans, cis = ({one.atoms: one.value for one in peptide_ideals(name)} for name in ("ALA", "PRO", "cis-PRO"))
    assert usual["C", "+N"] == 1.336
    assert (trans["C", "+N", "+CA"], cis["C", "+N", "+CA"]) == (119.3, 127.0)
    assert ("C", "+N", "+CD") not in usual


def test_of_alternate_locations_the_most_occupied_is_measured():
    ala = chain("AAAAA")
    other = ala[(ala.residue_number == 3) & (ala.atom_name == "CB")]
    away = replace(other.with_xyz(other.xyz + 5), altloc=np.array(["B"]), occupancy=np.array([0.4], dtype=np.float32))
    at = np.flatnonzero((ala.residue_number == 3) & (ala.atom_name == "CB"))[0]
    both = concatenate([ala[: at + 1], away, ala[at + 1 :]])
    assert _check(both).summary == _check(ala).summary


def test_the_volume_of_a_corner_is_one_and_changes_sign_in_a_mirror():
    corner = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert chiral_volumes(corner, np.array([[0, 1, 2, 3], [0, 2, 1, 3]])).tolist() == [1, -1]


def test_placed_atoms_have_the_length_angle_and_torsion_asked_for():
    rng = np.random.default_rng(1)
    a, b, c = rng.normal(size=(3, 20, 3))
    length, angle, torsion = rng.uniform(1, 2, 20), rng.uniform(30, 150, 20), rng.uniform(-180, 180, 20)
    from cryotools.core.structures.torsions import torsion_angles

    d = placed_atoms(a, b, c, length, angle, torsion)
    assert np.linalg.norm(d - c, axis=1) == pytest.approx(length)
    cosine = np.einsum("ni,ni->n", b - c, d - c) / np.linalg.norm(b - c, axis=1) / length
    assert np.degrees(np.arccos(cosine)) == pytest.approx(angle)
    assert torsion_angles(a, b, c, d) == pytest.approx(torsion)


def _clash_count(structure: Structure) -> int:
    residues = find_residues(structure)
    return len(find_clashes(structure, residues, geometry_targets(structure, residues).bonds.atoms))


def test_two_chains_clash_where_atoms_come_too_near():
    far = concatenate([chain("A"), chain("A", name="B", shift=(30, 0, 0))])
    assert _clash_count(far) == 0
    one = backbone(1, *STRAND)
    near = one + (one[0, 4] - one[0, 4]) + np.array([0, 0, 50.0])
    near[0, 4] = one[0, 4] + [0, 0, 2.9]  # two Cβ, 0.5 Å into one another
    other = of_backbone(near, ["ALA"], "B")
    pair = concatenate([of_backbone(one, ["ALA"]), other])
    at = [np.flatnonzero((pair.chain == name) & (pair.atom_name == "CB"))[0] for name in "AB"]
    alone = pair[np.array(at)]
    assert _clash_count(alone) == 1
    apart = alone.with_xyz(alone.xyz + np.array([[0, 0, 0], [0, 0, 0.2]]))
    assert _clash_count(apart) == 0


def test_hydrogen_bonds_and_neighbours_along_the_chain_are_no_clashes(trypsin):
    assert _clash_count(chain("A" * 20)) == 0  # a helix is full of hydrogen bonds
    assert _clash_count(read_structure(trypsin)) < 10


def test_metal_ions_and_waters_take_no_part_in_clashes(trypsin):
    structure = read_structure(trypsin)
    residues = find_residues(structure)
    clashes = find_clashes(structure, residues, geometry_targets(structure, residues).bonds.atoms)
    names = set(structure.residue_name[clashes.atoms].ravel().tolist())
    assert not names & {"HOH", "CA"}
    assert clashes.count == np.sum((structure.element > 1) & ~np.isin(structure.residue_name, ("HOH", "CA")))
