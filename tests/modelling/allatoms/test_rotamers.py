"""Side chains placed on the backbone of a crystal structure."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling.allatoms.rotamers import SIDE_CHAINS, backbone_axes, place_side_chains, rotamers
from cryotools.modelling.geometry.ideal import ideal_values
from cryotools.simulate.classical.chimerax import MolmapOptions, molmap


@pytest.mark.parametrize("name", [name for name in SIDE_CHAINS if name != "UNK"])
def test_rotamers_have_the_bonds_of_their_residue(name):
    library = rotamers(name)
    assert library.share.sum() <= 1.01
    assert library.share.min() > 0.003
    atoms = dict(zip(SIDE_CHAINS[name], library.atoms.swapaxes(0, 1), strict=True))
    atoms["CA"] = np.zeros((len(library.share), 3))
    for ideal in ideal_values()[name]:
        if len(ideal.atoms) == 2 and set(ideal.atoms) <= atoms.keys():
            length = np.linalg.norm(atoms[ideal.atoms[0]] - atoms[ideal.atoms[1]], axis=1)
            assert np.abs(length - ideal.value).max() < 0.12, ideal.atoms


def test_side_chains_of_a_structure_are_found_in_its_own_density(trypsin):
    structure = read_structure(trypsin)
    residues = find_residues(structure)
    mine = np.flatnonzero(residues.kind == PROTEIN)
    volume = molmap(structure, MolmapOptions(2.5, grid_spacing=0.8))[0]
    scale = float(np.median(volume.sample(residues.backbone[mine, 1])))
    names = residues.residue_name[mine].tolist()
    sides = place_side_chains(residues.backbone[mine], names, lambda places: volume.sample(places) / scale)
    truth = {
        (one, atom): place
        for one, atom, place in zip(residues.of_atom, structure.atom_name, structure.xyz, strict=True)
    }
    apart = [
        np.linalg.norm(place - truth[row, atom])
        for row, name, side in zip(mine, names, sides, strict=True)
        for atom, place in zip(SIDE_CHAINS[name], side, strict=True)
        if atom in ("CG", "CG1", "OG", "OG1", "SG") and (row, atom) in truth
    ]
    assert len(apart) > 100
    assert np.mean(np.array(apart) < 1) > 0.85


def test_axes_are_orthonormal_and_right_handed():
    n, c = np.array([[1.4, 0.1, 0.2]]), np.array([[-0.4, 1.4, 0.1]])
    axes = backbone_axes(n, np.zeros((1, 3)), c)[0]
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1)


def test_a_rotamer_that_would_clash_is_not_taken(trypsin):
    residues = find_residues(read_structure(trypsin))
    mine = np.flatnonzero(residues.kind == PROTEIN)[:30]
    sides = place_side_chains(residues.backbone[mine], ["LEU"] * 30)
    atoms, owner = np.concatenate(sides), np.repeat(np.arange(30), 4)
    apart = np.linalg.norm(atoms[:, None] - atoms, axis=2)
    assert np.sum((apart < 2.2) & (owner[:, None] != owner)) == 0
