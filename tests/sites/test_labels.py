"""Sites of small complexes whose distances are known."""

from __future__ import annotations

import numpy as np
import pytest
from small_structures import A, write_pdb

from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.structurefile import read_structure
from cryotools.sites.labels import INTERFACE_SITE, LIGAND_SITE, NUCLEIC_SITE, label_sites, voxel_sites

BACKBONE = (("N", "N", -1.2), ("C", "CA", 0.0), ("C", "C", 1.2), ("O", "O", 1.2))


def chain(name: str, y: float, count: int = 6, step: float = 4.0) -> list[A]:
    """Residues along x, `step` Å apart, at height `y`."""
    return [
        A(element, (number * step + along, y, 0.0 if atom != "O" else 1.2), atom, "GLY", name, number)
        for number in range(1, count + 1)
        for element, atom, along in BACKBONE
    ]


def ligand(name: str, x: float, y: float, atoms: int = 6) -> list[A]:
    return [A("C", (x, y, 0.3 * k), f"C{k}", name, "L", 1, hetero=True) for k in range(atoms)]


def base(x: float, y: float) -> list[A]:
    places = {"P": (0, 0), "O5'": (1, 0), "C5'": (2, 0), "C4'": (3, 0), "C3'": (4, 0), "O3'": (5, 0), "C1'": (3, 1)}
    return [
        A(name[0], (x + 6.5 * (number - 1) + a, y + b, 0), name, "DA", "D", number)
        for number in (1, 2)
        for name, (a, b) in places.items()
    ]


def labelled(path, *parts, complete=True):
    return label_sites(read_structure(write_pdb(path, [atom for part in parts for atom in part])), complete=complete)


def touching(labels, site):
    residues, which = labels.residues, labels.sites[site]
    return np.char.add(residues.chain[which], residues.residue_number[which].astype(str)).tolist()


def test_residues_within_five_angstroms_of_another_chain_are_the_interface(tmp_path):
    beside = chain("B", 4.9, count=6)
    labels = labelled(tmp_path / "a.pdb", chain("A", 0.0, count=12), beside)
    # B ends at x = 25.2; A8 begins at 30.8, A7 at 26.8: the latter is 1.6 Å along and 4.9 Å up, 5.15 Å away
    assert touching(labels, INTERFACE_SITE) == [f"A{n}" for n in range(1, 7)] + [f"B{n}" for n in range(1, 7)]
    assert labels.known.all()
    assert not touching(labelled(tmp_path / "b.pdb", chain("A", 0.0), chain("B", 5.1)), INTERFACE_SITE)


@pytest.mark.parametrize(("name", "atoms", "is_site"), [("LIG", 6, True), ("LIG", 5, False), ("GOL", 6, False)])
def test_ligands_are_large_enough_and_no_buffer(tmp_path, name, atoms, is_site):
    labels = labelled(tmp_path / "a.pdb", chain("A", 0.0), ligand(name, 12.0, 4.0, atoms))
    assert touching(labels, LIGAND_SITE) == (["A2", "A3", "A4"] if is_site else [])


def test_contacts_with_dna_are_sites_and_nucleotides_have_none(tmp_path):
    labels = labelled(tmp_path / "a.pdb", chain("A", 0.0), base(4.0, 4.5))
    assert touching(labels, NUCLEIC_SITE)[:2] == ["A1", "A2"]
    assert not touching(labels, LIGAND_SITE)
    assert not labels.known[:, labels.residues.chain == "D"].any()


def test_what_a_file_does_not_tell_is_unknown(tmp_path):
    alone = labelled(tmp_path / "a.pdb", chain("A", 0.0))
    assert alone.known.all(axis=1).tolist() == [False, True, True]
    parts = labelled(tmp_path / "b.pdb", chain("A", 0.0), ligand("LIG", 12.0, 4.0), complete=False)
    assert parts.known.all(axis=1).tolist() == [False, True, False]
    both = labelled(tmp_path / "c.pdb", chain("A", 0.0, count=12), chain("B", 4.9), complete=False)
    assert np.array_equal(both.known[INTERFACE_SITE], both.sites[INTERFACE_SITE])


def test_voxels_have_the_labels_of_the_nearest_residue_and_those_at_partners_have_none(tmp_path):
    path = write_pdb(tmp_path / "a.pdb", [*chain("A", 0.0), *ligand("LIG", 12.0, 4.0)])
    structure = read_structure(path)
    labels = label_sites(structure)
    grid = Grid((12, 16, 40), (1.0, 1.0, 1.0), (-2.0, -6.0, -6.0))
    sites, known, on = voxel_sites(grid, structure, labels.residues.of_atom, labels)
    at = {name: tuple(np.rint(grid.world_to_index(np.array(xyz))[::-1]).astype(int)) for name, xyz in PLACES.items()}
    assert sites[at["A3"]] == 1 << LIGAND_SITE
    assert known[at["A3"]] == (1 << LIGAND_SITE) + (1 << NUCLEIC_SITE), "one chain tells nothing of interfaces"
    assert (sites[at["A6"]], on[at["A6"]]) == (0, True)
    for place in ("ligand", "far"):
        assert (sites[at[place]], on[at[place]], known[at[place]]) == (0, False, 7)


PLACES = {"A3": (12.0, 0.0, 0.0), "A6": (24.0, 0.0, 0.0), "ligand": (12.0, 4.0, 0.0), "far": (12.0, -6.0, 4.0)}


def test_a_structure_without_protein_is_refused(tmp_path):
    with pytest.raises(DataError, match="contains no protein"):
        labelled(tmp_path / "a.pdb", base(0.0, 0.0))
