from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
from Bio.PDB import MMCIFParser
from Bio.PDB.MMCIF2Dict import MMCIF2Dict
from small_structures import A, write_pdb

from cryotools.core.errors import DataError
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import ATOM_FIELDS, NUCLEIC, Structure, concatenate
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.write import cif_text, pdb_text
from cryotools.sse.elements.find import Element
from cryotools.sse.elements.pseudoatoms import element_structure
from cryotools.sse.truth.assign import HELIX, SHEET


def pseudo_atoms(n: int = 5, at: float = 0.0):
    axis = at + np.arange(3 * n).reshape(n, 3) * 1.25
    return element_structure(
        [Element(HELIX, axis, np.full(n, 0.9), 1.0), Element(SHEET, -axis, np.full(n, 0.6), 1.0)], "pseudo"
    )


def test_atoms_come_back_as_they_were_written(tmp_path):
    written = pseudo_atoms()
    (tmp_path / "atoms.pdb").write_text(pdb_text(written))
    read = read_structure(tmp_path / "atoms.pdb")
    assert np.allclose(read.xyz, written.xyz, atol=1e-3)
    for key in ("chain", "residue_name", "residue_number", "atom_name", "hetero"):
        assert np.array_equal(getattr(read, key), getattr(written, key)), key
    assert np.allclose(read.b_factor, written.b_factor, atol=0.005)


def test_columns_are_those_of_the_format():
    lines = [line for line in pdb_text(pseudo_atoms()).splitlines() if line.startswith("HETATM")]
    assert lines[1] == "HETATM    2  CA  HLX H   2       3.750   5.000   6.250  1.00 90.00           C  "
    assert {len(line) for line in lines[:-1]} == {80}


def test_remarks_and_bonds_are_written_and_long_remarks_broken():
    text = pdb_text(pseudo_atoms(), ["word " * 40], [(0, 1), (1, 2)])
    remarks = [line for line in text.splitlines() if line.startswith("REMARK   3 ")]
    assert len(remarks) == 4
    assert max(map(len, remarks)) <= 80
    assert "CONECT    1    2\nCONECT    2    1    3\nCONECT    3    2\nEND\n" in text


@pytest.mark.slow
def test_large_numbers_are_hybrid_36():
    many = pseudo_atoms(10_500)
    many = many.with_xyz(many.xyz % 900)
    read = gemmi.read_pdb_string(pdb_text(many))
    assert [len(chain) for chain in read[0]] == [10_500, 10_500]
    assert read[0]["H"][-1].seqid.num == 10_500


def test_positions_that_do_not_fit_the_columns_are_refused():
    with pytest.raises(DataError, match="9999 A"):
        pdb_text(pseudo_atoms(at=20_000.0))


def test_no_atoms_are_an_end():
    assert pdb_text(element_structure([]), ["nothing"]) == "REMARK   3 nothing\nEND\n"


HAEMOGLOBIN = Path(__file__).parents[2] / "data" / "5ni1_crop.pdb.gz"


@pytest.fixture(scope="module")
def haemoglobin() -> Structure:
    """Four chains with gaps; ligands and no water. Their names are as long as those of large complexes."""
    structure = read_structure(HAEMOGLOBIN)
    return replace(structure, chain=np.char.add(structure.chain, "-long"), b_factor=structure.b_factor * 0 + 87.5)


def again(text: str, tmp_path: Path, **options) -> Structure:
    (tmp_path / "again.cif").write_text(text)
    return read_structure(tmp_path / "again.cif", **options)


def test_mmcif_comes_back_as_it_was_written(haemoglobin, trypsin, tmp_path):
    for written in (haemoglobin, read_structure(trypsin), pseudo_atoms()):
        read = again(cif_text(written), tmp_path)
        for key in ATOM_FIELDS:
            a, b = getattr(read, key), getattr(written, key)
            assert np.allclose(a, b, atol=1e-3) if a.dtype.kind == "f" else np.array_equal(a, b), key


def test_biopython_reads_the_same_atoms_chains_and_confidence(haemoglobin):
    (model,) = MMCIFParser(QUIET=True).get_structure("x", io.StringIO(cif_text(haemoglobin)))
    assert [chain.id for chain in model] == ["A-long", "B-long", "C-long", "D-long"]
    atoms = list(model.get_atoms())
    assert len(atoms) == len(haemoglobin)
    places = {(*atom.get_full_id()[2:4], atom.id): atom.coord for atom in atoms}
    assert len(places) == len(atoms)
    assert {atom.bfactor for atom in atoms} == {87.5}
    by_name = {
        (chain, number, name): xyz
        for chain, number, name, xyz in zip(
            *(getattr(haemoglobin, key) for key in ("chain", "residue_number", "atom_name", "xyz")), strict=True
        )
    }
    for (chain, residue, name), xyz in places.items():
        assert np.allclose(xyz, by_name[chain, residue[1], name], atol=1e-3)


def test_equal_chains_are_one_entity_with_their_sequence(trypsin, tmp_path):
    structure = read_structure(trypsin)
    both = concatenate([structure, replace(structure.with_xyz(structure.xyz + 50), chain=structure.chain.astype("U2"))])
    both.chain[len(structure) :] = "XY"
    table = MMCIF2Dict(io.StringIO(cif_text(both)))
    assert table["_entity.type"].count("polymer") == 1
    assert table["_entity_poly.pdbx_strand_id"] == ["A,XY"]
    assert table["_entity_poly.type"] == ["polypeptide(L)"]
    (sequence,) = table["_entity_poly.pdbx_seq_one_letter_code"]
    assert "".join(sequence.split()) == find_residues(structure).sequences()["A"]
    parsed = gemmi.make_structure_from_block(gemmi.cif.read_string(cif_text(both))[0])
    assert [len(chain.get_polymer()) for chain in parsed[0]] == [223, 223]
    assert {entity.name for entity in parsed.entities} == {str(n) for n in range(1, len(parsed.entities) + 1)}


def test_a_sequence_may_be_longer_than_what_is_seen(haemoglobin):
    """The gaps of a chain are filled with alanine; atoms must stand at their own places of the sequence."""
    residues = find_residues(haemoglobin)
    at = np.flatnonzero(residues.chain == "A-long")
    numbers = residues.residue_number[at]
    full = ["ALA"] * (int(numbers[-1]) + 2)
    for number, name in zip(numbers, residues.residue_name[at], strict=True):
        full[number - 1] = str(name)
    table = MMCIF2Dict(io.StringIO(cif_text(haemoglobin, sequences={"A-long": full})))
    of_first = [
        (int(label), int(auth))
        for chain, label, auth in zip(
            *(table[f"_atom_site.{key}"] for key in ("auth_asym_id", "label_seq_id", "auth_seq_id")), strict=True
        )
        if chain == "A-long" and label != "."
    ]
    length = sum(entity == table["_entity_poly_seq.entity_id"][0] for entity in table["_entity_poly_seq.entity_id"])
    assert length == len(full)
    assert all(full[label - 1] == full[auth - 1] for label, auth in of_first)
    assert np.mean([label == auth for label, auth in of_first]) > 0.9
    wrong = ["GLY"] * len(full)
    with pytest.raises(DataError, match="does not match the sequence given"):
        cif_text(haemoglobin, sequences={"A-long": wrong})


def test_nucleic_acids_models_insertions_and_alternates_are_kept(tmp_path):
    atoms = [
        A(name[0], (x, 0, 0), name=name, residue=residue, number=number, altloc=letter, chain="R")
        for number, residue, x in ((1, "DA", 0.0), (2, "DT", 6.5), (3, "PSU", 13.0))
        for name, letter in (("P", " "), ("C1'", " "), ("C3'", "A"), ("C3'", "B"), ("O3'", " "))
    ]
    structure = read_structure(write_pdb(tmp_path / "m.pdb", atoms))
    structure = replace(structure, insertion_code=np.where(structure.residue_number == 2, "C", ""))
    assert set(structure.kind.tolist()) == {NUCLEIC}
    models = concatenate([structure, replace(structure.with_xyz(structure.xyz + 1), model=structure.model + 4)])
    read = again(cif_text(models), tmp_path, model="all")
    assert np.array_equal(read.model, models.model)
    assert np.array_equal(read.altloc, models.altloc)
    assert np.array_equal(read.insertion_code, models.insertion_code)
    assert np.allclose(read.xyz, models.xyz)


def test_remarks_are_kept_whatever_they_hold():
    remarks = ["B factors are confidence × 100.", 'It\'s "quoted";', "loop_ data_x _tag"]
    table = MMCIF2Dict(io.StringIO(cif_text(pseudo_atoms(), remarks)))
    (text,) = table["_database_PDB_remark.text"]
    assert text.splitlines() == remarks


def test_a_chain_without_a_name_gets_one_that_is_free(haemoglobin, tmp_path):
    chain = np.where(haemoglobin.chain == "B-long", "", haemoglobin.chain)
    chain[haemoglobin.chain == "C-long"] = "A"
    read = again(cif_text(replace(haemoglobin, chain=chain)), tmp_path)
    assert dict.fromkeys(read.chain.tolist()) == dict.fromkeys(["A-long", "B", "A", "D-long"])


def test_what_cannot_be_written_as_mmcif_is_refused(haemoglobin):
    with pytest.raises(DataError, match="no atoms"):
        cif_text(element_structure([]))
    xyz = haemoglobin.xyz.copy()
    xyz[7, 1] = np.nan
    with pytest.raises(DataError, match="has no coordinates"):
        cif_text(haemoglobin.with_xyz(xyz))


def test_positions_far_away_fit_mmcif(tmp_path):
    written = pseudo_atoms(at=20_000.0)
    assert np.allclose(again(cif_text(written), tmp_path).xyz, written.xyz, atol=1e-3)
