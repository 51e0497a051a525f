from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from Bio.Data.PDBData import protein_letters_3to1
from Bio.PDB import MMCIFParser, PDBParser
from small_structures import A, write_pdb

from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.chemistry.letters import one_letter
from cryotools.core.structures.residues import backbone_means, backbone_sigma, find_residues, polymer_backbone
from cryotools.core.structures.structure import LIGAND, NUCLEIC, PROTEIN, WATER, concatenate
from cryotools.core.structures.structurefile import read_structure

HAEMOGLOBIN = Path(__file__).parents[2] / "data" / "5ni1_crop.pdb.gz"


def residue(number: int, name: str, x: float, chain: str = "A") -> list[A]:
    """N, CA, C and O, the C 2.9 Å from the N along x."""
    places = {"N": (0, 0, 0), "CA": (1.4, 0.5, 0), "C": (2.9, 0, 0), "O": (2.9, -1.2, 0)}
    return [
        A(atom[0], (x + a, b, c), name=atom, residue=name, chain=chain, number=number)
        for atom, (a, b, c) in places.items()
    ]


def base(number: int, name: str, x: float, chain: str = "R") -> list[A]:
    """A phosphate and an O3' 5 Å from it along x."""
    return [
        A(atom[0], (x + at, 0, 0), name=atom, residue=name, chain=chain, number=number)
        for atom, at in (("P", 0.0), ("C1'", 3.0), ("C3'", 4.0), ("C4'", 4.4), ("O3'", 5.0))
    ]


def test_residues_are_those_that_biopython_finds(trypsin):
    structure = read_structure(trypsin)
    residues = find_residues(structure)
    (model,) = MMCIFParser(QUIET=True).get_structure("x", trypsin)
    expected = [one for one in model.get_residues() if one.id[0] == " "]
    assert residues.residue_name.tolist() == [one.get_resname() for one in expected]
    assert residues.residue_number.tolist() == [one.id[1] for one in expected]
    assert residues.insertion_code.tolist() == [one.id[2].strip() for one in expected]
    assert residues.sequences() == {"A": "".join(protein_letters_3to1[one.get_resname()] for one in expected)}
    assert np.allclose(residues.ca, [one["CA"].coord for one in expected], atol=1e-3)
    assert (residues.of_atom[structure.kind == WATER] == -1).all()
    assert (residues.of_atom[structure.kind == LIGAND] == -1).all()
    assert np.array_equal(structure.residue_number[residues.first_atom], residues.residue_number)
    assert (structure.atom_name[residues.first_atom] == "N").all()


def test_sequences_are_told_chain_by_chain_of_the_first_model(tmp_path):
    import gzip

    plain = tmp_path / "crop.pdb"
    plain.write_bytes(gzip.decompress(HAEMOGLOBIN.read_bytes()))
    (model,) = PDBParser(QUIET=True).get_structure("x", plain)
    expected = {
        chain.id: "".join(protein_letters_3to1[one.get_resname()] for one in chain if one.id[0] == " ")
        for chain in model
    }
    structure = read_structure(HAEMOGLOBIN)
    assert find_residues(structure).sequences() == {chain: text for chain, text in expected.items() if text}
    models = concatenate([replace(structure, model=np.full(len(structure), number)) for number in (3, 7)])
    assert find_residues(models).sequences() == find_residues(structure).sequences()


def test_what_is_bonded_is_linked_whatever_its_number(tmp_path):
    """Bonds of 1.3 and 2.4 Å, a break of 2.6 Å, a jump of the numbering across a bond, and the next chain."""
    atoms = [
        *residue(1, "GLY", 0.0),
        *residue(2, "ALA", 4.2),
        *residue(3, "SER", 4.2 + 5.3),
        *residue(4, "TRP", 4.2 + 5.3 + 5.5),
        *residue(40, "VAL", 4.2 + 5.3 + 5.5 + 4.2),
        *residue(41, "LEU", 4.2 + 5.3 + 5.5 + 4.2 + 4.2, chain="B"),
    ]
    residues = find_residues(read_structure(write_pdb(tmp_path / "m.pdb", atoms)))
    assert residues.linked.tolist() == [True, True, False, True, False, False]
    assert residues.missing.tolist() == [0] * 6
    assert residues.sequences(gaps=True) == {"A": "GASWV", "B": "L"}


def test_missing_numbers_are_counted_where_a_chain_is_broken(tmp_path):
    atoms = [
        *residue(-1, "GLY", 0.0),
        *residue(3, "ALA", 20.0),
        *residue(103, "SER", 40.0),
        *residue(9, "MSE", 60.0),
        *residue(2, "LYS", 80.0),
        *residue(50, "GLU", 100.0, chain="B"),
    ]
    structure = read_structure(write_pdb(tmp_path / "m.pdb", atoms))
    inserted = structure.residue_number == 103
    number = np.where(inserted, 3, structure.residue_number).astype(np.int32)
    code = np.where(inserted, "A", "")
    residues = find_residues(replace(structure, residue_number=number, insertion_code=code))
    assert residues.missing.tolist() == [3, 0, 5, 0, 0, 0]
    assert residues.sequences(gaps=True) == {"A": "G---AS-----MK", "B": "E"}
    assert residues.sequences() == {"A": "GASMK", "B": "E"}


def test_nucleotides_are_linked_from_o3_to_p(tmp_path):
    atoms = [*base(1, "DA", 0.0), *base(2, "DT", 6.6), *base(3, "PSU", 13.2), *base(4, "G", 21.0)]
    residues = find_residues(read_structure(write_pdb(tmp_path / "m.pdb", atoms)))
    assert set(residues.kind.tolist()) == {NUCLEIC}
    assert residues.linked.tolist() == [True, True, False, False]
    assert residues.sequences() == {"R": "ATUG"}
    assert np.isnan(residues.ca).all()


@pytest.mark.parametrize(
    ("name", "kind", "letter"),
    [
        *[("ALA", PROTEIN, "A"), ("MSE", PROTEIN, "M"), ("TPO", PROTEIN, "T"), ("SEC", PROTEIN, "U")],
        *[("HSD", PROTEIN, "H"), ("HIE", PROTEIN, "H"), ("CYX", PROTEIN, "C"), ("ASH", PROTEIN, "D")],
        *[("GLUP", PROTEIN, "E"), ("LYN", PROTEIN, "K"), ("LSN", PROTEIN, "K"), ("ARN", PROTEIN, "R")],
        *[("TYM", PROTEIN, "Y"), ("ILEU", PROTEIN, "I"), ("UNK", PROTEIN, "X"), ("QQQ", PROTEIN, "X")],
        *[("DG", NUCLEIC, "G"), ("U", NUCLEIC, "U"), ("PSU", NUCLEIC, "U"), ("ADE", NUCLEIC, "A")],
        *[("THY", NUCLEIC, "T"), ("URA", NUCLEIC, "U"), ("RG5", NUCLEIC, "G"), ("DC3", NUCLEIC, "C")],
        *[("C3", NUCLEIC, "C"), ("CYT", NUCLEIC, "C"), ("QQQ", NUCLEIC, "N"), ("ALA", NUCLEIC, "N")],
        *[("HOH", WATER, ""), ("ZN", LIGAND, "")],
    ],
)
def test_one_letter_codes_are_the_field_s_and_those_of_force_fields(name, kind, letter):
    assert one_letter(name, kind) == letter


def test_a_structure_without_chains_has_no_residues(trypsin):
    structure = read_structure(trypsin)
    residues = find_residues(structure[structure.kind == WATER])
    assert len(residues) == 0
    assert residues.sequences() == {}
    assert residues.missing.tolist() == residues.linked.tolist() == residues.letters.tolist() == []
    assert (residues.of_atom == -1).all()


def test_means_are_those_of_the_backbone_atoms_in_the_map(tmp_path):
    atoms = [*residue(1, "GLY", 2.0), *residue(2, "ALA", 6.2), A("C", (2, 6, 2), name="CB", number=2, residue="ALA")]
    structure = read_structure(write_pdb(tmp_path / "m.pdb", atoms)).with_xyz(
        np.array([(*atom.xyz[:1], atom.xyz[1] + 2, 2.0) for atom in atoms])
    )
    grid = Grid((5, 9, 9), (1.0, 1.0, 1.0))
    x = np.broadcast_to(np.arange(9.0), grid.shape)
    volume = Volume.on(grid, x)
    assert polymer_backbone(structure).tolist() == [True] * 8 + [False]
    residues = find_residues(structure)
    first = np.mean([2.0, 3.4, 4.9, 4.9])  # linear, so what is sampled is x itself
    second = np.mean([6.2, 7.6])  # the other two lie beyond the map
    found = backbone_means(volume, structure, residues.of_atom, 2)
    assert found == pytest.approx([first, second], abs=1e-4)
    deviation = np.sqrt(np.mean((np.arange(9) - 4.0) ** 2))
    assert backbone_sigma(volume, structure, residues) == pytest.approx((found - 4) / deviation, abs=1e-4)
    assert np.isnan(backbone_means(volume, structure, np.full(9, -1), 1)).all()
