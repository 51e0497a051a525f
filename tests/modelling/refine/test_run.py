"""Refinement into the density of a known structure."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling.geometry.check import check_geometry
from cryotools.modelling.refine.mapterm import MapTerm
from cryotools.modelling.refine.run import RefinementPlan, refine
from cryotools.simulate.classical.chimerax import MolmapOptions, molmap


@pytest.fixture(scope="module")
def protein(trypsin):
    structure = read_structure(trypsin)
    return structure[structure.kind == PROTEIN]


@pytest.fixture(scope="module")
def density(protein):
    volume = molmap(protein, MolmapOptions(3.0, grid_spacing=1.0))[0]
    return volume.with_data(volume.data / np.median(volume.sample(protein.xyz)))


@pytest.mark.slow
def test_refinement_finds_the_density_and_keeps_bonds_ideal(protein, density):
    moved = protein.with_xyz(protein.xyz + np.random.default_rng(0).normal(0, 0.3, protein.xyz.shape))
    found = refine(moved, density)
    before, after = (np.sqrt(np.mean((one.xyz - protein.xyz) ** 2) * 3) for one in (moved, found))
    assert after < 0.75 * before
    assert density.sample(found.xyz).mean() > density.sample(moved.xyz).mean()
    summary = check_geometry(found, find_residues(found)).summary
    assert summary.bond_rmsd < 0.02
    assert summary.angle_rmsd < 2
    assert summary.outliers < 0.02
    assert summary.mirrored == 0


def test_residues_that_are_far_apart_are_pulled_together_if_they_are_said_to_be_bonded(protein, density):
    residues = find_residues(protein)
    few = protein[residues.of_atom < 8]
    cut = np.flatnonzero(find_residues(few).of_atom >= 4)
    xyz = few.xyz.copy()
    xyz[cut] += [0.0, 0.0, 3.0]
    plan = RefinementPlan(steps=80, map_weight=0.0, tether=None)
    bonded = np.append(np.ones(7, dtype=bool), False)
    lengths = []
    for told in (None, bonded):
        backbone = find_residues(refine(few.with_xyz(xyz), density, plan, told)).backbone
        lengths.append(np.linalg.norm(backbone[4, 0] - backbone[3, 2]))
    assert lengths[0] > 1.6
    assert lengths[1] == pytest.approx(1.336, abs=0.06)


def test_the_gradient_of_the_density_is_that_of_finite_differences(protein, density):
    import torch

    few = protein[find_residues(protein).of_atom < 6]
    term = MapTerm(density.data, np.array(density.voxel_size), np.array(density.origin), np.ones(len(few)))
    start = torch.from_numpy(few.xyz + 0.05 * np.sin(np.arange(3 * len(few))).reshape(-1, 3)).float()
    xyz = start.clone().requires_grad_()
    term(xyz).backward()
    step = 2e-3
    for atom, axis in ((1, 0), (7, 1), (20, 2)):
        change = torch.zeros_like(start)
        change[atom, axis] = step
        slope = float(term(start + change) - term(start - change)) / (2 * step)
        assert float(xyz.grad[atom, axis]) == pytest.approx(slope, rel=0.05, abs=0.1)
