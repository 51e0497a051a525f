from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_structures import A, write_pdb

import cryotools.core.structures.dssp as dssp_module
from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.structures.structure import LIGAND, NUCLEIC, concatenate
from cryotools.core.structures.structurefile import read_structure
from cryotools.sse.truth.assign import HELIX, NUCLEOTIDE, OTHER, SHEET, assign, dssp, with_author_records

HAEMOGLOBIN = Path(__file__).parents[2] / "data" / "5ni1_crop.pdb.gz"

# mkdssp 4.2.2 (Debian 12) on the ATOM records of 1GBT and of chain A of the crop of 5NI1; its P, S and T are - here
TRYPSIN_BY_MKDSSP = (
    "-B--EE--------EEEEE---EEEEEEEEE--EEEE-GGG-----EEEE------------EEEEEEEEEE----B----B---EEEEE-------------B-"
    "---------EEEEEE---------------EEEEEEB--HHHHHHH--------EEEE-------B--------EEEE--EEEEEEEEE---------EEEEEGGG-"
    "HHHHHHHHHH-"
)
HAEMOGLOBIN_BY_MKDSSP = (
    "---HHHHHHHHHHHHHHGGGHHHHHHHHHHHHHHH-GGGGGG----------HHHHHHHHHHHHHHHHHHH----HHHH-HHHHIIIIII----GGGHHHHHHHHH"
    "HHHH--------HHHHHHHHHHHHHHHHHH-----"
)


def peptide(count: int, phi: float, psi: float) -> np.ndarray:
    """N, CA, C and O (count, 4, 3) of a chain with the same angles everywhere and the usual bonds, all trans."""
    n, ca = np.zeros(3), np.array([1.458, 0.0, 0.0])
    c = beyond(np.array([0.0, 1.0, 0.0]), n, ca, 1.525, 111.0, phi)
    residues = []
    for _ in range(count):
        residues.append([n, ca, c, beyond(n, ca, c, 1.231, 120.5, psi + 180)])
        after = beyond(n, ca, c, 1.329, 116.2, psi)
        after_ca = beyond(ca, c, after, 1.458, 121.7, 180.0)
        n, ca, c = after, after_ca, beyond(c, after, after_ca, 1.525, 111.0, phi)
    return np.array(residues)


def beyond(a, b, c, bond: float, angle: float, torsion: float) -> np.ndarray:
    """The place at `bond` from c, `angle` from b-c, and `torsion` about b-c from a."""
    angle, torsion = np.radians([angle, torsion])
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    side = np.cross(normal, along)
    return c + bond * (np.sin(angle) * (np.cos(torsion) * side + np.sin(torsion) * normal) - np.cos(angle) * along)


def strands(antiparallel: bool) -> np.ndarray:
    """Two extended chains of eight residues (16, 4, 3), as far apart and shifted as their hydrogen bonds want them."""
    strand = peptide(8, -120, 120)
    strand = strand - strand[:, 1].mean(axis=0)
    along = strand[-2:, 1].mean(axis=0) - strand[:2, 1].mean(axis=0)
    carbonyls = (strand[:, 3] - strand[:, 2]) * (-1.0) ** np.arange(1, 9)[:, None]
    x = along / np.linalg.norm(along)
    y = carbonyls.mean(axis=0) - (carbonyls.mean(axis=0) @ x) * x
    y /= np.linalg.norm(y)
    strand = strand @ np.array([x, y, np.cross(x, y)]).T
    turn, shift = ((-1, 1, -1), (-2.0, 5.4, 0.0)) if antiparallel else ((1, 1, 1), (-1.5, 5.4, -0.5))
    second = strand * np.array(turn) + np.array(shift)
    return np.concatenate([strand, second])


def codes(backbone: np.ndarray, chain=None, proline=()) -> str:
    count = len(backbone)
    return "".join(dssp(backbone, np.zeros(count) if chain is None else chain, np.isin(np.arange(count), proline)))


def atoms(backbone: np.ndarray, chain: str = "A", residue: str = "ALA") -> list[A]:
    return [
        A(name[0], tuple(np.round(xyz, 3).tolist()), name=name, residue=residue, chain=chain, number=number)
        for number, places in enumerate(backbone, 1)
        for name, xyz in zip(("N", "CA", "C", "O"), places, strict=True)
    ]


def test_trypsin_agrees_with_mkdssp_residue_by_residue(trypsin):
    residues = assign(read_structure(trypsin))
    assert "".join(residues.code) == TRYPSIN_BY_MKDSSP
    assert residues.known.all()
    assert np.array_equal(residues.classes == HELIX, np.isin(residues.code, list("HGI")))
    assert np.array_equal(residues.classes == SHEET, np.isin(residues.code, list("EB")))
    assert (residues.residue_name[0], residues.residue_number[0]) == ("ILE", 16)


def test_haemoglobin_agrees_with_mkdssp_its_pi_helix_too():
    structure = read_structure(HAEMOGLOBIN)
    residues = assign(structure[structure.chain == "A"])
    assert "".join(residues.code[residues.known]) == HAEMOGLOBIN_BY_MKDSSP


def test_a_globin_that_is_cut_by_its_box_has_helices_and_no_sheets():
    residues = assign(read_structure(HAEMOGLOBIN))
    assert not (residues.classes == SHEET).any()
    assert 0.6 < (residues.classes[residues.known] == HELIX).mean() < 0.8
    assert 0 < (~residues.known).sum() < 0.2 * len(residues)  # the box cuts some in two
    assert not residues.classes[~residues.known].any()


@pytest.mark.parametrize(("letter", "phi", "psi"), [("H", -57, -47), ("G", -49, -26), ("I", -57, -70)])
def test_ideal_helices_run_from_the_second_residue_to_the_last_but_one(letter, phi, psi):
    assert codes(peptide(16, phi, psi)) == "-" + 14 * letter + "-"


def test_an_extended_chain_alone_is_coil():
    assert codes(peptide(16, -120, 120)) == 16 * "-"


@pytest.mark.parametrize("antiparallel", [False, True])
def test_two_strands_make_a_sheet_though_they_are_of_two_chains(antiparallel):
    both = strands(antiparallel)
    assert codes(both, np.repeat([0, 1], 8)) == 2 * "-EEEEEE-"
    assert codes(both[::-1].reshape(2, 8, 4, 3)[:, ::-1].reshape(16, 4, 3), np.repeat([0, 1], 8)) == 2 * "-EEEEEE-"
    assert codes(both + np.repeat([0, 20], 8)[:, None, None], np.repeat([0, 1], 8)) == 16 * "-"


def test_two_hydrogen_bonds_make_a_lone_bridge():
    both = strands(antiparallel=True)
    alone = codes(np.concatenate([both[1:4], both[8:]]), np.repeat([0, 1], [3, 8]))
    assert sorted(set(alone)) == ["-", "B"]
    assert alone.count("B") == 2


def test_bulges_belong_to_their_strands(trypsin, monkeypatch):
    """Five residues of trypsin lie in strands without a partner; DSSP joins the ladders on both sides of them."""
    residues = assign(read_structure(trypsin))
    monkeypatch.setattr(dssp_module, "_merged", lambda ladders, segment: ladders)
    unjoined = assign(read_structure(trypsin))
    bulges = (residues.code == "E") & (unjoined.code == "-")
    assert residues.residue_number[bulges].tolist() == [41, 47, 86, 210, 214]


def test_a_break_ends_a_helix_and_a_proline_gives_no_bond():
    helix = peptide(20, -57, -47)
    broken = np.delete(helix, 10, axis=0)
    assert codes(broken) == "-HHHHHHHH--HHHHHHH-"
    assert codes(helix, np.repeat([0, 1], 10)) == 2 * "-HHHHHHHH-"
    assert codes(helix, proline=(5,)) != codes(helix)
    assert codes(helix, proline=range(20)) == 20 * "-"


def test_the_frame_does_not_matter(trypsin):
    structure = read_structure(trypsin)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    moved = structure.with_xyz(structure.xyz @ turn.T + [1000.0, -500.0, 30.0])
    assert np.array_equal(assign(moved).code, assign(structure).code)


def test_a_mirror_image_keeps_bonds(trypsin):
    """The definition knows no hand: a map of the wrong hand has the same classes."""
    structure = read_structure(trypsin)
    assert np.array_equal(assign(structure.with_xyz(structure.xyz * [1, 1, -1])).code, assign(structure).code)


def test_copies_far_apart_and_models_in_one_place_do_not_disturb_each_other(trypsin):
    structure = read_structure(trypsin)
    alone = assign(structure).code
    copies = concatenate([structure.with_xyz(structure.xyz + 200.0 * i) for i in range(10)])
    assert np.array_equal(assign(copies).code, np.tile(alone, 10))
    models = concatenate([replace(structure, model=np.full(len(structure), i)) for i in (1, 2)])
    assert np.array_equal(assign(models).code, np.tile(alone, 2))


def test_residues_without_their_whole_backbone_are_unknown_and_break_the_chain(tmp_path):
    helix = [atom for atom in atoms(peptide(20, -57, -47)) if (atom.number, atom.name) != (11, "O")]
    residues = assign(read_structure(write_pdb(tmp_path / "m.pdb", helix)))
    assert np.flatnonzero(~residues.known).tolist() == [10]
    assert "".join(residues.code) == "-HHHHHHHH---HHHHHHH-"
    assert np.isnan(residues.backbone[10, 3]).all()
    assert residues.ca.shape == (20, 3)


def test_of_alternates_the_most_occupied_counts(tmp_path):
    helix = atoms(peptide(12, -57, -47))
    spread = [
        replace(atom, altloc=letter, occupancy=share, xyz=tuple(np.round(np.add(atom.xyz, shift), 3).tolist()))
        for atom in helix
        for letter, share, shift in (("A", 0.4, (0, 0, 30.0)), ("B", 0.6, (0, 0, 0)))
    ]
    residues = assign(read_structure(write_pdb(tmp_path / "m.pdb", spread)))
    assert "".join(residues.code) == "-HHHHHHHHHH-"


def nucleotide(number: int, residue: str, shift: float, hetero: bool = False) -> list[A]:
    at = np.array([shift, 0.0, 0.0])
    places = {"P": (0, 0, 0), "O5'": (1.2, 1, 0), "C3'": (4.0, 1, 0), "O3'": (4.8, 0, 0), "N1": (3, 6, 0)}
    return [
        A(name[0], tuple((at + place).tolist()), name=name, residue=residue, chain="R", number=number, hetero=hetero)
        for name, place in places.items()
    ]


def test_nucleotides_are_told_from_nucleotide_ligands(tmp_path):
    """PSU is a modified base within the chain; A 9 is recorded as HETATM and bonded to nothing."""
    strand = [
        *nucleotide(1, "G", 0),
        *nucleotide(2, "PSU", 6.4, hetero=True),
        *nucleotide(3, "DT", 12.8),
        *nucleotide(9, "A", 60, hetero=True),
        A("Zn", (90, 0, 0), residue="ZN", hetero=True, number=10),
    ]
    structure = read_structure(write_pdb(tmp_path / "m.pdb", strand))
    residues = assign(structure)
    assert residues.classes.tolist() == [NUCLEOTIDE, NUCLEOTIDE, NUCLEOTIDE, OTHER]
    assert set(residues.kind.tolist()) == {NUCLEIC}
    assert residues.elements().tolist() == [0, 0, 0, 1]
    assert residues.of_atom.tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5 + [-1]
    assert residues.known.all()
    assert np.isnan(residues.ca).all()


def test_elements_are_runs_of_bonded_residues_of_one_class(trypsin):
    residues = assign(read_structure(trypsin))
    element = residues.elements()
    changes = np.flatnonzero(np.diff(residues.classes.astype(int)))
    assert set(changes).issubset(np.flatnonzero(np.diff(element)))
    assert (np.diff(element) >= 0).all()
    for number in np.unique(element):
        assert len(np.unique(residues.classes[element == number])) == 1


def test_a_trace_of_ca_atoms_is_refused_and_little_backbone_warned_of(tmp_path):
    helix = atoms(peptide(12, -57, -47))
    trace = write_pdb(tmp_path / "ca.pdb", [atom for atom in helix if atom.name == "CA"])
    with pytest.raises(DataError, match="secondary structure cannot be assigned"):
        assign(read_structure(trace))
    few = write_pdb(tmp_path / "few.pdb", [atom for atom in helix if atom.name == "CA" or atom.number < 4])
    with pytest.warns(CryotoolsWarning, match="9 of 12 amino acids lack backbone atoms"):
        assign(read_structure(few))


def test_a_structure_of_ligands_is_refused(trypsin):
    structure = read_structure(trypsin)
    with pytest.raises(DataError, match="none is a nucleotide"):
        assign(structure[structure.kind == LIGAND])


def test_author_records_replace_hydrogen_bonds(trypsin):
    """1GBT's own file records three helices, residues 164-176, 230-235 and 236-245, and its sheets."""
    residues = assign(read_structure(trypsin))
    recorded = with_author_records(residues, trypsin)
    helix = residues.residue_number[recorded.classes == HELIX]
    expected = [n for n in residues.residue_number if 164 <= n <= 176 or 230 <= n <= 245]
    assert helix.tolist() == expected
    agreement = np.mean(recorded.classes == residues.classes)
    assert 0.75 < agreement < 1
    assert recorded.known.all()


def test_author_records_of_pdb_files_respect_chains_and_insertion_codes(tmp_path):
    header = [
        "HELIX    1   1 ALA A    2  ALA A    4  1                                   3",
        "SHEET    1   A 1 ALA A   6  ALA A   7  0",
    ]
    both = [*atoms(peptide(8, -57, -47)), *atoms(peptide(8, -57, -47) + 30, chain="B")]
    path = write_pdb(tmp_path / "m.pdb", both, header=header)
    structure = read_structure(path)
    recorded = with_author_records(assign(structure), path)
    assert recorded.classes.tolist() == [0, HELIX, HELIX, HELIX, 0, SHEET, SHEET, 0] + 8 * [0]
    number = np.where(structure.residue_number == 5, 4, structure.residue_number)
    inserted = replace(
        structure,
        residue_number=number.astype(np.int32),
        insertion_code=np.where(structure.residue_number == 5, "A", ""),
    )
    recorded = with_author_records(assign(inserted), path)
    assert recorded.classes[:8].tolist() == [0, HELIX, HELIX, HELIX, 0, SHEET, SHEET, 0]  # 4A follows 4


def test_a_file_without_records_is_refused():
    with pytest.raises(DataError, match="contains no HELIX or SHEET records"):
        with_author_records(assign(read_structure(HAEMOGLOBIN)), HAEMOGLOBIN)


def test_author_records_are_read_whatever_else_the_file_holds(trypsin, tmp_path):
    residues = assign(read_structure(trypsin))
    path = tmp_path / "odd.cif"
    columns = {"entity_id": "9", "asym_id": "Q", "seq_id_ordinal": "1", "seq_id": "1", "observed": "y"}
    columns |= {"unp_res": "A", "unp_num": "1", "unp_acc": "P1"}
    rows = [f"_pdbx_sifts_xref_db.{tag} {value}\n" for tag, value in columns.items()]
    path.write_text(trypsin.read_text() + "".join(rows))
    expected = with_author_records(residues, trypsin).classes
    assert with_author_records(residues, path).classes.tolist() == expected.tolist()
    odd = [
        "HELIX    1   1 ALA A    2  ALA A    4  1                                   3",
        "ANISOU    1  CA  ALA A   1     2406   1892   1614    198    519   -328       C  ",
    ]
    path = write_pdb(tmp_path / "odd.pdb", atoms(peptide(8, -57, -47)), header=odd)
    recorded = with_author_records(assign(read_structure(path)), path)
    assert recorded.classes.tolist() == [0, HELIX, HELIX, HELIX, 0, 0, 0, 0]
