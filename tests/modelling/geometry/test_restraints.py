"""Restraints: their gradients are those of finite differences, their minimum is good geometry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ideal_chains import STRAND, chain

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import Structure, concatenate
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.torsions import backbone_torsions, torsion_angles
from cryotools.modelling.geometry import measure
from cryotools.modelling.geometry.check import check_geometry
from cryotools.modelling.geometry.measuretorch import (
    squares_from_plane,
    torch_angles,
    torch_lengths,
    torch_torsions,
    torch_volumes,
)
from cryotools.modelling.geometry.ramachandran import ramachandran_scores, ramachandran_table
from cryotools.modelling.geometry.ramachandransurface import RamachandranSurface
from cryotools.modelling.geometry.restraints import TERMS, WEIGHTS, GeometryRestraints


def _restraints(structure: Structure) -> GeometryRestraints:
    return GeometryRestraints(structure, find_residues(structure), dtype=torch.float64)


def _shaken(structure: Structure, by: float, seed: int = 0) -> Structure:
    return structure.with_xyz(structure.xyz + np.random.default_rng(seed).normal(size=structure.xyz.shape) * by)


def test_what_torch_measures_is_what_numpy_measures():
    rng = np.random.default_rng(0)
    xyz = rng.normal(size=(30, 3))
    points = torch.as_tensor(xyz)
    two, three, four, six = (rng.permuted(np.tile(np.arange(30), (20, 1)), axis=1)[:, :n] for n in (2, 3, 4, 6))
    assert torch_lengths(points, torch.as_tensor(two)).numpy() == pytest.approx(measure.lengths(xyz, two))
    assert np.degrees(torch_angles(points, torch.as_tensor(three)).numpy()) == pytest.approx(measure.angles(xyz, three))
    assert torch_volumes(points, torch.as_tensor(four)).numpy() == pytest.approx(measure.chiral_volumes(xyz, four))
    torsions = np.degrees(torch_torsions(points, torch.as_tensor(four)).numpy())
    assert torsions == pytest.approx(torsion_angles(*xyz[four].swapaxes(0, 1)))
    squares = (measure.plane_deviations(xyz, six) ** 2).sum(axis=1)
    assert squares_from_plane(points, torch.as_tensor(six)).numpy() == pytest.approx(squares)


@pytest.mark.parametrize("term", TERMS)
def test_gradients_are_those_of_finite_differences(term, trypsin):
    whole = read_structure(trypsin)
    few = _shaken(whole[(whole.residue_number >= 57) & (whole.residue_number <= 60)], 0.15)
    restraints = _restraints(few)
    xyz = torch.tensor(few.xyz, requires_grad=True)
    value = restraints.terms(xyz)[term]
    if term != "nonbonded":
        assert value > 0
    assert torch.autograd.gradcheck(lambda here: restraints.terms(here)[term], (xyz,), eps=1e-6, atol=1e-3, rtol=1e-3)


def test_atoms_in_contact_are_pushed_apart_and_others_left():
    near = chain("AAAA", *STRAND)
    pair = concatenate([near, chain("AAAA", *STRAND, name="B", shift=(0, 0, 2.4))])
    restraints = _restraints(pair)
    xyz = torch.tensor(pair.xyz, requires_grad=True)
    energy = restraints.terms(xyz)["nonbonded"]
    energy.backward()
    assert energy > 1
    first, second = xyz.grad[: len(near)].sum(dim=0), xyz.grad[len(near) :].sum(dim=0)
    assert first.numpy() == pytest.approx(-second.numpy(), abs=1e-9)
    assert first[2] > 0 > second[2]  # downhill is apart
    far = concatenate([near, chain("AAAA", *STRAND, name="B", shift=(0, 0, 30))])
    assert _restraints(far).terms(torch.tensor(far.xyz))["nonbonded"] == 0


def test_an_ideal_chain_costs_little_and_every_fault_more():
    ideal = chain("AAVAGAAAPAAA", *STRAND)
    restraints = _restraints(ideal)
    terms = {name: float(value) for name, value in restraints.terms(torch.tensor(ideal.xyz)).items()}
    assert max(terms["planes"], terms["omega"], terms["nonbonded"]) < 1
    assert terms["bonds"] < len(ideal)
    assert terms["angles"] < len(ideal)
    worse = restraints.terms(torch.tensor(_shaken(ideal, 0.3).xyz))
    assert all(worse[name] > terms[name] + 1 for name in ("bonds", "angles", "planes", "chirality", "omega"))
    total = restraints.energy(torch.tensor(ideal.xyz))
    assert float(total) == pytest.approx(sum(terms.values()))
    assert float(restraints.energy(torch.tensor(ideal.xyz), {"bonds": 2.0})) == pytest.approx(2 * terms["bonds"])


def test_a_mirror_image_costs_chirality():
    ala = chain("AAAA")
    restraints = _restraints(ala)
    mirrored = torch.tensor(ala.xyz * [1, 1, -1])
    assert float(restraints.terms(mirrored)["chirality"]) == pytest.approx(4 * (2 * 2.5 / 0.2) ** 2, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("letters", "turn", "kept"), [("AAPAA", 20.0, 0.0), ("AAAAA", 120.0, 180.0)])
def test_peptide_bonds_go_where_they_belong(letters, turn, kept):
    bent = chain(letters, *STRAND, omega=turn)
    done = _minimised(bent, {"bonds": 1, "angles": 1, "planes": 1, "chirality": 1, "omega": 1}, rounds=3)
    found = np.abs(backbone_torsions(find_residues(done)).omega[2])
    assert found == pytest.approx(kept, abs=8)


def test_the_surface_is_the_table_and_continuous_across_180_degrees():
    residues = find_residues(chain("AGVPIPAAGG", *STRAND))
    scores = ramachandran_scores(residues)
    rated = scores.classes >= 0
    torsions = backbone_torsions(residues)
    surface = RamachandranSurface(scores.classes[rated], dtype=torch.float64)
    angles = (torch.as_tensor(np.radians(each[rated])) for each in (torsions.phi, torsions.psi))
    low = surface(*angles).numpy()
    assert np.all(low > -0.2)
    assert np.ptp(low + scores.log_density[rated] - _tops(scores.classes[rated])) < 0.5  # cubic against linear
    for angle in (np.pi - 1e-7, -np.pi + 1e-7):
        here = torch.full((int(rated.sum()),), angle, dtype=torch.float64)
        there = surface(here, torch.zeros_like(here)).numpy()
        assert there == pytest.approx(surface(-here, torch.zeros_like(here)).numpy(), abs=1e-4)


def test_where_there_are_no_data_the_energy_leads_back_to_them():
    surface = RamachandranSurface(np.zeros(1, dtype=int), dtype=torch.float64)
    phi, psi = (torch.tensor([np.radians(angle)], requires_grad=True) for angle in (10.0, -10.0))
    energy = surface(phi, psi)
    energy.backward()
    assert energy.item() > 8
    assert (phi.grad.abs() + psi.grad.abs()).item() > 1


@pytest.mark.slow
def test_minimising_mends_a_shaken_protein(trypsin):
    structure = read_structure(trypsin)
    structure = structure[structure.kind == 1]
    shaken = _shaken(structure, 0.3)
    before = check_geometry(shaken, find_residues(shaken)).summary
    after = check_geometry(done := _minimised(shaken, WEIGHTS, rounds=8), find_residues(done)).summary
    assert before.bond_rmsd > 0.3
    assert before.favoured < 0.7
    assert after.bond_rmsd < 0.02
    assert after.angle_rmsd < 2.5
    assert after.favoured > 0.9
    assert after.clashscore < 5
    assert (after.twisted, after.mirrored, after.nonplanar) == (0, 0, 0)
    assert np.sqrt(np.mean(np.sum((done.xyz - structure.xyz) ** 2, axis=1))) < 0.8


def _minimised(structure: Structure, weights, rounds: int) -> Structure:
    """The structure at a minimum of its restraints, by L-BFGS."""
    restraints = _restraints(structure)
    xyz = torch.tensor(structure.xyz, requires_grad=True)
    for _ in range(rounds):
        restraints.update(xyz.detach().numpy())
        optimiser = torch.optim.LBFGS([xyz], max_iter=40, line_search_fn="strong_wolfe")

        def closure(optimiser=optimiser):
            optimiser.zero_grad()
            energy = restraints.energy(xyz, weights)
            energy.backward()
            return energy

        optimiser.step(closure)
    return structure.with_xyz(xyz.detach().numpy())


def _tops(classes: np.ndarray) -> np.ndarray:
    return ramachandran_table().values.max(axis=(1, 2))[classes]
