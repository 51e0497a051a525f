"""What a residue is follows from its name, and where that is unknown from its atoms, never from one phosphorus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from broken_structures import atom_line, pdb, saved

from cryotools.core.structures.selection import select
from cryotools.core.structures.structure import LIGAND, NUCLEIC, PROTEIN, WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.sse.truth.assign import NUCLEOTIDE, assign

BACKBONE = ["N", "CA", "C", "O"]
SUGAR = ["P", "O5'", "C5'", "C4'", "C3'", "C1'", "N9"]


def residue(name: str, atoms: list[str], record: str = "ATOM", number: int = 1, x: float = 0.0) -> list[str]:
    """The lines of a residue, its atoms 1.5 A apart from `x` on; a name of four letters ends in column 21."""
    ending, chain = (name[3:], "A") if len(name) > 3 else (" ", "A")
    lines = [
        atom_line(f" {a:<3}", x + 1.5 * i, record=record, residue=name[:3], number=str(number), element=a[0], chain="A")
        for i, a in enumerate(atoms)
    ]
    return [line[:20] + ending + chain + line[22:] for line in lines]


NAMED = {
    ("ALA", "ATOM"): PROTEIN,
    ("MSE", "HETATM"): PROTEIN,
    ("HSD", "ATOM"): PROTEIN,
    ("CYX", "ATOM"): PROTEIN,
    ("NALA", "ATOM"): PROTEIN,
    ("DA", "ATOM"): NUCLEIC,
    ("PSU", "HETATM"): NUCLEIC,
    ("ADE", "ATOM"): NUCLEIC,
    ("RA5", "ATOM"): NUCLEIC,
    ("DG3", "ATOM"): NUCLEIC,
    ("HEM", "HETATM"): LIGAND,
    ("SO4", "HETATM"): LIGAND,
    ("NAG", "HETATM"): LIGAND,
}


@pytest.mark.parametrize(("name", "record"), NAMED)
def test_known_names_are_enough(tmp_path: Path, name: str, record: str) -> None:
    structure = read_structure(saved(tmp_path, pdb(*residue(name, ["C"], record))))
    assert structure.kind.tolist() == [NAMED[name, record]]


@pytest.mark.parametrize("name", ["POPC", "POPE", "DPPC", "DOPS", "CHL1", "PEE", "XYZ"])
@pytest.mark.parametrize("record", ["ATOM", "HETATM"])
def test_a_lipid_is_a_ligand_and_its_phosphorus_makes_no_nucleotide(tmp_path: Path, name: str, record: str) -> None:
    lines = residue("SER", BACKBONE) + residue(name, ["P", "O11", "C1", "C2"], record, 2, 30.0)
    structure = read_structure(saved(tmp_path, pdb(*lines)))
    assert structure.kind.tolist() == [PROTEIN] * 4 + [LIGAND] * 4
    assert not select(structure, "nucleic").any()
    assert select(structure, "ligand").tolist() == [False] * 4 + [True] * 4
    assert NUCLEOTIDE not in assign(structure).classes


@pytest.mark.parametrize("name", ["HOH", "WAT", "TIP3", "TIP4", "SOL", "SPC", "OPC", "T3P", "SPCE"])
def test_models_of_water_are_water(tmp_path: Path, name: str) -> None:
    structure = read_structure(saved(tmp_path, pdb(*residue(name, ["OW", "HW1", "HW2"]))))
    assert structure.kind.tolist() == [WATER] * 3


def test_a_ligand_that_shares_its_name_with_a_model_of_water_is_a_ligand(tmp_path: Path) -> None:
    structure = read_structure(saved(tmp_path, pdb(*residue("T3P", ["P", "O1", "C1'", "N1"], "HETATM"))))
    assert structure.kind.tolist() == [LIGAND] * 4


@pytest.mark.parametrize(
    ("name", "atom"), [("POT", "POT"), ("SOD", "SOD"), ("CLA", "CLA"), ("ZN", "ZN"), ("CAL", "CAL")]
)
def test_ions_are_ligands_even_as_atom_records(tmp_path: Path, name: str, atom: str) -> None:
    line = residue(name, [atom])[0]
    structure = read_structure(saved(tmp_path, pdb(*residue("ALA", BACKBONE, number=2, x=9.0), line[:66])))
    assert structure.kind.tolist() == [PROTEIN] * 4 + [LIGAND]


BY_ATOMS = {
    "amino acid": (["N", "CA", "C", "O", "CX"], PROTEIN),
    "trace": (["CA"], PROTEIN),
    "nucleotide": (SUGAR, NUCLEIC),
    "old names": ([name.replace("'", "*") for name in SUGAR], NUCLEIC),
    "no phosphorus": (SUGAR[1:], NUCLEIC),
    "phosphorus": (["P", "O1P", "O2P"], LIGAND),
    "nothing known": (["C1", "C2", "O1"], LIGAND),
    "both": ([*BACKBONE, "C1'", "C3'", "C4'"], LIGAND),
}


@pytest.mark.parametrize("what", BY_ATOMS)
def test_unknown_residues_are_what_their_atoms_say(tmp_path: Path, what: str) -> None:
    atoms, kind = BY_ATOMS[what]
    structure = read_structure(saved(tmp_path, pdb(*residue("ZZZ", atoms))))
    assert structure.kind.tolist() == [kind] * len(atoms)


@pytest.mark.parametrize("what", BY_ATOMS)
def test_unknown_residues_that_are_hetatm_are_ligands(tmp_path: Path, what: str) -> None:
    structure = read_structure(saved(tmp_path, pdb(*residue("ZZZ", BY_ATOMS[what][0], "HETATM"))))
    assert (structure.kind == LIGAND).all()


@pytest.mark.parametrize(("gap", "kind"), [(1.3, PROTEIN), (9.0, LIGAND)], ids=["bonded", "apart"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_a_modified_residue_belongs_to_the_chain_that_it_is_bonded_to(
    tmp_path: Path, gap: float, kind: int, first: bool
) -> None:
    chain = ["CB", "N", "CA", "C"]
    names = [("ZZZ", "HETATM"), ("ALA", "ATOM")] if first else [("ALA", "ATOM"), ("ZZZ", "HETATM")]
    lines: list[str] = []
    for number, (name, record) in enumerate(names):
        # the next residue's N lies `gap` behind this one's C, its CB before it
        lines += residue(name, chain, record, number + 1, number * (3.0 + gap))
    structure = read_structure(saved(tmp_path, pdb(*lines)))
    assert structure.kind[structure.residue_name == "ZZZ"].tolist() == [kind] * 4
    assert structure.kind[structure.residue_name == "ALA"].tolist() == [PROTEIN] * 4


def test_a_modified_nucleotide_belongs_to_its_chain_and_a_free_one_does_not(tmp_path: Path) -> None:
    atoms = ["P", "C4'", "C3'", "C1'", "O3'"]
    lines = residue("A", atoms) + residue("6ZZ", atoms, "HETATM", 2, 4 * 1.5 + 1.6)
    lines += residue("6ZZ", atoms, "HETATM", 3, 60.0)
    structure = read_structure(saved(tmp_path, pdb(*lines)))
    assert structure.kind.tolist() == [NUCLEIC] * 10 + [LIGAND] * 5


def test_ligands_of_the_example_are_what_they_were(trypsin: Path) -> None:
    structure = read_structure(trypsin)
    counts = dict(zip(*np.unique(structure.residue_name[structure.kind == LIGAND], return_counts=True), strict=True))
    assert counts == {"CA": 1, "GBS": 12, "SO4": 2}
