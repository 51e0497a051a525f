"""mmCIF is read whatever columns and tables it lacks or has too many of, as long as there are atoms with places."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from broken_structures import CIF_ATOM, cif, cif_atom, saved

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import list_assemblies, read_structure

ROWS = [
    {"id": "1", "label_atom_id": "N", "type_symbol": "N", "Cartn_x": "1.0", "auth_asym_id": "X", "auth_seq_id": "55"},
    {"id": "2", "label_atom_id": "CA", "Cartn_x": "2.0", "auth_asym_id": "X", "auth_seq_id": "55"},
    {"id": "3", "label_atom_id": "SE", "type_symbol": "SE", "label_comp_id": "MSE", "label_seq_id": "2"}
    | {"Cartn_x": "3.0", "auth_asym_id": "X", "auth_seq_id": "56", "pdbx_PDB_ins_code": "A"},
]


def table(drop: tuple[str, ...] = (), **changes: str) -> bytes:
    """The three atoms of ROWS without the columns in `drop`; `changes` hold for every row."""
    columns = [c for c in CIF_ATOM if c not in drop]
    rows = [" ".join({**CIF_ATOM, **row, **changes}[c] for c in columns) for row in ROWS]
    return "\n".join(["data_x", "loop_", *(f"_atom_site.{c}" for c in columns), *rows, "#\n"]).encode()


def read(tmp_path: Path, content: bytes, **options: object) -> Structure:
    return read_structure(saved(tmp_path, content, "m.cif"), **options)


CAN_BE_MISSING = [c for c in CIF_ATOM if not c.startswith("Cartn")]


@pytest.mark.parametrize("column", CAN_BE_MISSING)
def test_any_column_but_the_coordinates_may_be_missing(tmp_path: Path, column: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)  # that elements were told by names
        structure = read(tmp_path, table((column,)))
    assert structure.xyz[:, 0].tolist() == [1, 2, 3]
    assert structure.element.tolist() == [7, 6, 34]
    assert structure.occupancy.tolist() == [1, 1, 1]
    assert structure.model.tolist() == [1, 1, 1]
    assert set(structure.chain.tolist()) == ({"A"} if column == "auth_asym_id" else {"X"})


@pytest.mark.parametrize(
    "columns",
    [
        ("label_alt_id", "auth_seq_id", "pdbx_PDB_model_num", "auth_asym_id"),  # a modelling program's
        ("id", "group_PDB", "label_entity_id", "label_seq_id", "pdbx_PDB_ins_code"),
        ("label_alt_id", "label_asym_id", "occupancy", "B_iso_or_equiv"),
        ("auth_asym_id", "label_asym_id", "auth_seq_id", "label_seq_id"),
        ("label_comp_id", "label_alt_id"),
        tuple(c for c in CAN_BE_MISSING if c not in ("label_atom_id", "type_symbol")),
    ],
)
def test_several_may_be_missing_together(tmp_path: Path, columns: tuple[str, ...]) -> None:
    structure = read(tmp_path, table(columns))
    assert structure.xyz[:, 0].tolist() == [1, 2, 3]
    assert structure.element.tolist() == [7, 6, 34]


def test_without_author_columns_the_labels_name_chain_and_residue(tmp_path: Path) -> None:
    structure = read(tmp_path, table(("auth_asym_id", "auth_seq_id", "label_alt_id")))
    assert structure.chain.tolist() == ["A", "A", "A"]
    assert structure.residue_number.tolist() == [1, 1, 2]
    assert structure.insertion_code.tolist() == ["", "", "A"]


def test_without_names_the_elements_serve(tmp_path: Path) -> None:
    structure = read(tmp_path, table(("label_atom_id",)))
    assert structure.atom_name.tolist() == ["N", "C", "SE"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(("Cartn_z",)), "_atom_site has no column Cartn_z"),
        (table(("Cartn_x", "Cartn_y")), "_atom_site has no column Cartn_x, Cartn_y"),
        (table(("type_symbol", "label_atom_id")), "has neither type_symbol nor label_atom_id"),
        (table(("Cartn_x", "Cartn_y", "Cartn_z")).replace(b".occupancy", b".fract_x"), "fractional coordinates only"),
        (b"data_x\nloop_\n_atom_site_label\n_atom_site_fract_x\nC1 0.1\n", "is a small-molecule CIF"),
        (b"data_x\nloop_\n_chem_comp_atom.atom_id\nC1\n", "describes a chemical component, not a model"),
        (b"data_x\nloop_\n_refln.index_h\n_refln.index_k\n1 2\n", "holds reflections, not a model"),
        (b"data_x\n_entry.id x\n", r"has no atoms \(no _atom_site with coordinates\)"),
    ],
)
def test_what_is_needed_and_missing_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


ELSEWHERE = {
    "cross-references": "loop_\n_pdbx_sifts_xref_db.entity_id\n_pdbx_sifts_xref_db.asym_id\n"
    "_pdbx_sifts_xref_db.seq_id_ordinal\n_pdbx_sifts_xref_db.seq_id\n_pdbx_sifts_xref_db.observed\n"
    "_pdbx_sifts_xref_db.unp_res\n_pdbx_sifts_xref_db.unp_num\n_pdbx_sifts_xref_db.unp_acc\n1 Q 1 99 y A 7 P1\n",
    "connections": "_struct_conn.id c1\n_struct_conn.conn_type_id covale\n_struct_conn.ptnr1_label_comp_id ALA\n"
    "_struct_conn.ptnr2_label_comp_id ALA\n_struct_conn.ptnr1_label_atom_id C\n_struct_conn.ptnr2_label_atom_id N\n",
    "helices": "_struct_conf.conf_type_id HELX_P\n_struct_conf.beg_auth_asym_id A\n_struct_conf.beg_label_comp_id ALA\n"
    "_struct_conf.beg_auth_seq_id one\n_struct_conf.end_auth_asym_id A\n_struct_conf.end_label_comp_id ALA\n"
    "_struct_conf.end_auth_seq_id two\n",
    "modified residues": "_pdbx_struct_mod_residue.auth_asym_id A\n_pdbx_struct_mod_residue.auth_seq_id seven\n",
    "displacements": "_atom_site_anisotrop.id 1\n_atom_site_anisotrop.U[1][1] much\n",
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_tables_that_hold_no_atoms_never_stop_the_reading(tmp_path: Path, what: str) -> None:
    entity = "_entity.id 1\n_entity.type polymer\n"
    assert len(read(tmp_path, table() + (entity + ELSEWHERE[what]).encode())) == 3


@pytest.mark.parametrize("start", ["loop_", "# written by hand\n\nloop_", "_entry.id x\nloop_", "DATA_X\nloop_"])
def test_the_data_line_may_be_missing(tmp_path: Path, start: str) -> None:
    content = table().replace(b"data_x\nloop_", start.encode())
    assert len(read(tmp_path, content)) == 3
    cut = content[: content.rindex(b" 56")]
    with pytest.raises(DataError, match=f"line {start.count(chr(10)) + 1}: Wrong number of values"):
        read(tmp_path, cut)


def test_names_of_any_length_are_kept(tmp_path: Path) -> None:
    rows = [
        cif_atom(auth_asym_id="HeavyChain1", label_asym_id="LabelOfHeavy", label_comp_id="LIGAND_0001"),
        cif_atom(auth_asym_id="HeavyChain2", label_asym_id="LabelOfLight", label_atom_id='"C1\'_primed"', Cartn_x="1"),
        cif_atom(auth_asym_id="A", label_entity_id="an_entity", Cartn_x="2"),
    ]
    operators = (
        "_pdbx_struct_assembly_gen.assembly_id 1\n_pdbx_struct_assembly_gen.oper_expression 1\n"
        "_pdbx_struct_assembly_gen.asym_id_list LabelOfLight\n_pdbx_struct_oper_list.id 1\n"
    ) + "".join(f"_pdbx_struct_oper_list.matrix[{i}][{j}] {int(i == j)}\n" for i in (1, 2, 3) for j in (1, 2, 3))
    operators += "".join(f"_pdbx_struct_oper_list.vector[{i}] 0\n" for i in (1, 2, 3))
    structure = read(tmp_path, cif(rows, operators))
    assert structure.chain.tolist() == ["HeavyChain1", "HeavyChain2", "A"]
    assert structure.residue_name.tolist() == ["LIGAND_0001", "ALA", "ALA"]
    assert structure.atom_name.tolist() == ["CA", "C1'_primed", "CA"]
    assert list_assemblies(tmp_path / "m.cif") == ["1"]
    assert read(tmp_path, cif(rows, operators), assembly="1").chain.tolist() == ["HeavyChain2"]


def test_every_data_block_with_atoms_is_a_model_or_more(tmp_path: Path) -> None:
    second = cif([cif_atom(Cartn_x="5"), cif_atom(Cartn_x="6", pdbx_PDB_model_num="2")], block="other")
    content = table() + b"data_empty\n_entry.id x\n" + second
    with pytest.warns(CryotoolsWarning) as caught:
        structure = read(tmp_path, content)
    assert {str(w.message).split(": ")[1] for w in caught} == {
        "2 data blocks contain atoms; each is read as a model",
        "has 3 models; model 1 is used",
    }
    assert len(structure) == 3
    with pytest.warns(CryotoolsWarning, match="2 data blocks contain atoms"):
        every = read(tmp_path, content, model="all")
    assert every.model.tolist() == [1, 1, 1, 2, 3]
    with pytest.warns(CryotoolsWarning, match="2 data blocks contain atoms"):
        assert read(tmp_path, content, model=3).xyz[:, 0].tolist() == [6]


def test_a_file_behind_itself_is_two_models(tmp_path: Path) -> None:
    for content in (table() * 2, b"data_\n" + table()[len("data_x\n") :] + b"data_\n" + table()[len("data_x\n") :]):
        with pytest.warns(CryotoolsWarning, match="2 data blocks contain atoms; each is read as a model"):
            assert read(tmp_path, content, model="all").model.tolist() == [1, 1, 1, 2, 2, 2]


def test_numbers_and_letters_that_gemmi_refuses_are_read_as_near_as_can_be(tmp_path: Path) -> None:
    rows = [
        cif_atom(label_alt_id="A", auth_seq_id="7"),
        cif_atom(label_alt_id="conf2", auth_seq_id="7", Cartn_x="1"),
        cif_atom(auth_seq_id="15B", label_seq_id="15", Cartn_x="2"),
        cif_atom(auth_seq_id="first", label_seq_id="3", Cartn_x="3"),
        cif_atom(auth_seq_id="8", pdbx_PDB_ins_code="AA", Cartn_x="4"),
    ]
    with pytest.warns(CryotoolsWarning) as caught:
        structure = read(tmp_path, cif(rows))
    assert structure.altloc.tolist() == ["A", "B", "", "", ""]
    assert structure.residue_number.tolist() == [7, 7, 15, 3, 8]
    assert structure.insertion_code.tolist() == ["", "", "B", "", "A"]
    said = " ".join(str(w.message) for w in caught)
    assert "alternate locations of several letters are read as one: conf2 as B" in said
    assert "1 residue numbers (_atom_site.auth_seq_id) are not integers" in said


def test_residues_without_numbers_are_numbered_0(tmp_path: Path) -> None:
    waters = [
        cif_atom(label_comp_id="HOH", auth_seq_id=n, label_seq_id=".", Cartn_x=str(i)) for i, n in enumerate(".?7")
    ]
    assert read(tmp_path, cif(waters)).residue_number.tolist() == [0, 0, 7]


def test_models_with_names_instead_of_numbers_are_counted(tmp_path: Path) -> None:
    rows = [cif_atom(pdbx_PDB_model_num=name, Cartn_x=str(i)) for i, name in enumerate(["open", "open", "closed"])]
    with pytest.warns(CryotoolsWarning, match=r"model numbers are not integers \(open, closed\)"):
        structure = read(tmp_path, cif(rows), model="all")
    assert structure.model.tolist() == [1, 1, 2]


def test_one_atom_may_stand_outside_a_loop(tmp_path: Path) -> None:
    lines = [f"_atom_site.{c} {v}" for c, v in CIF_ATOM.items() if c not in ("label_alt_id", "id")]
    structure = read(tmp_path, "\n".join(["data_x", *lines, ""]).encode())
    np.testing.assert_allclose(structure.xyz, [[11.104, 6.134, -6.504]])
