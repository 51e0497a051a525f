"""Biological assemblies have the copies that their expressions say, where the operators put them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from broken_structures import atom_line, cif, cif_atom, pdb, saved

from cryotools.core.errors import DataError
from cryotools.core.structures.structurefile import list_assemblies, read_structure

XYZ = np.array([11.104, 6.134, -6.504])


def turn(degrees: float, shift: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """A turn about z and then a shift, (3, 4)."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.column_stack([[[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], shift])


def moved(matrix: np.ndarray, xyz: np.ndarray = XYZ) -> np.ndarray:
    return matrix[:, :3] @ xyz + matrix[:, 3]


def generated(rows: dict[str, tuple[str, str]], operators: dict[str, np.ndarray], columns: str = "") -> str:
    """mmCIF tables of assemblies {id: (expression, chains)} and operators {id: (3, 4)}."""
    fields = [f for i in (1, 2, 3) for f in (*(f"matrix[{i}][{j}]" for j in (1, 2, 3)), f"vector[{i}]")]
    kept = [at for at, field in enumerate(fields) if field not in columns]
    return "\n".join(
        [
            "loop_",
            *(f"_pdbx_struct_assembly_gen.{f}" for f in ("assembly_id", "oper_expression", "asym_id_list")),
            *(f"{name} '{expression}' {chains}" for name, (expression, chains) in rows.items()),
            "#\nloop_\n_pdbx_struct_oper_list.id",
            *(f"_pdbx_struct_oper_list.{fields[at]}" for at in kept),
            *(f"{name} " + " ".join(f"{matrix.ravel()[at]:.6f}" for at in kept) for name, matrix in operators.items()),
            "#\n",
        ]
    )


def remark_350(operators: dict[str, np.ndarray], width: int = 4) -> list[str]:
    return [
        f"REMARK 350   BIOMT{row + 1}{name:>{width}}{a:10.6f}{b:10.6f}{c:10.6f}{d:15.5f}"
        for name, matrix in operators.items()
        for row, (a, b, c, d) in enumerate(matrix)
    ]


def test_brackets_side_by_side_are_a_product_and_the_last_acts_first(tmp_path: Path) -> None:
    operators = {str(k): turn(90 * (k - 1)) for k in (1, 2, 3, 4)} | {str(k): turn(0, (0, k, 5)) for k in (61, 62, 63)}
    path = saved(tmp_path, cif(more=generated({"1": ("(1-4)(61-63)", "A")}, operators)), "m.cif")
    built = read_structure(path, assembly="1")
    expected = [moved(operators[str(a)], moved(operators[str(b)])) for a in (1, 2, 3, 4) for b in (61, 62, 63)]
    np.testing.assert_allclose(built.xyz, expected, atol=1e-4)


IDENTITY, HALF, UP = turn(0), turn(180), turn(0, (0, 0, 7))
SIMPLE = {"1": IDENTITY, "2": HALF, "3": turn(90), "P": UP, "X0": turn(180, (1, 2, 3)), "1-2": turn(45)}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("1", ["1"]),
        ("1,3", ["1", "3"]),
        ("(1,3)", ["1", "3"]),
        ("2-3", ["2", "3"]),
        ("(2-3,P)", ["2", "3", "P"]),
        (" ( 1 , 2 ) ", ["1", "2"]),
        ("P", ["P"]),
        ("1-2", ["1-2"]),
    ],
)
def test_lists_ranges_and_names_of_operators_are_read(tmp_path: Path, expression: str, wanted: list[str]) -> None:
    path = saved(tmp_path, cif(more=generated({"a": (expression, "A")}, SIMPLE)), "m.cif")
    expected = [moved(SIMPLE[name]) for name in wanted]
    np.testing.assert_allclose(read_structure(path, assembly="a").xyz, expected, atol=1e-4)


def test_three_brackets_and_a_named_frame_multiply_in_order(tmp_path: Path) -> None:
    path = saved(tmp_path, cif(more=generated({"a": ("(X0)(1,2)(P)", "A")}, SIMPLE)), "m.cif")
    expected = [moved(SIMPLE["X0"], moved(SIMPLE[name], moved(UP))) for name in "12"]
    np.testing.assert_allclose(read_structure(path, assembly="a").xyz, expected, atol=1e-4)


def test_every_assembly_of_a_file_is_known_whatever_its_details_say(tmp_path: Path) -> None:
    details = "loop_\n_pdbx_struct_assembly.id\n_pdbx_struct_assembly.details\n1 ?\n2 'another frame'\n#\n"
    rows = {"1": ("1,2", "A"), "2": ("P", "A"), "PAU": ("X0", "A"), "XAU": ("1", "B")}
    path = saved(tmp_path, cif(more=details + generated(rows, SIMPLE)), "m.cif")
    assert list_assemblies(path) == ["1", "2", "PAU", "XAU"]
    np.testing.assert_allclose(read_structure(path, assembly="2").xyz, [moved(UP)], atol=1e-4)
    with pytest.raises(DataError, match="has no assembly 7; it describes 1, 2, PAU, XAU"):
        read_structure(path, assembly="7")
    with pytest.raises(DataError, match="assembly XAU names no chain of the file"):
        read_structure(path, assembly="XAU")


def test_chains_of_an_assembly_are_the_labels_and_copies_keep_the_authors_names(tmp_path: Path) -> None:
    atoms = [cif_atom(label_asym_id="A", auth_asym_id="X"), cif_atom(label_asym_id="B", auth_asym_id="A", Cartn_x="0")]
    path = saved(tmp_path, cif(atoms, generated({"1": ("1,2", "A")}, SIMPLE)), "m.cif")
    built = read_structure(path, assembly="1")
    assert built.chain.tolist() == ["X", "X"]
    assert built.residue_index().tolist() == [0, 1]


def test_rows_of_one_assembly_add_up(tmp_path: Path) -> None:
    tables = generated({"1": ("1,2", "A")}, SIMPLE).replace("1 '1,2' A", "1 '1,2' A\n1 P A")
    path = saved(tmp_path, cif(more=tables), "m.cif")
    assert len(read_structure(path, assembly="1")) == 3


@pytest.mark.parametrize("width", [4, 5])
def test_operators_numbered_100_and_more_are_read_though_they_push_the_columns(tmp_path: Path, width: int) -> None:
    operators = {str(k): turn(360 * k / 1200, (10.0 * k, 0, -1234.5)) for k in (1, 99, 100, 101, 1100)}
    head = ["REMARK 350 BIOMOLECULE: 1", "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A"]
    lines = [line.replace("  ", " ", 1) if "BIOMT" in line else line for line in remark_350(operators, width)]
    path = saved(tmp_path, pdb(*head, *(f"{line:<80}" for line in lines), atom_line()))
    expected = [moved(matrix) for matrix in operators.values()]
    np.testing.assert_allclose(read_structure(path, assembly="1").xyz, expected, atol=1e-3)


def test_matrices_apply_to_the_chains_listed_before_them(tmp_path: Path) -> None:
    atoms = [atom_line(chain=c, x=float(i)) for i, c in enumerate("ABC")] + [atom_line(chain=" ", x=9.0)]
    head = [
        "REMARK 350 BIOMOLECULE: 1",
        "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A,",
        "REMARK 350                    AND CHAINS: B",
        *remark_350({"1": IDENTITY, "2": UP}),
        "REMARK 350 APPLY THE FOLLOWING TO CHAINS: NULL",
        *remark_350({"1": UP}),
        "REMARK 350 BIOMOLECULE: 2",
        "REMARK 350 APPLY THE FOLLOWING TO CHAINS: C",
        *remark_350({"1": HALF}),
    ]
    path = saved(tmp_path, pdb(*head, *atoms))
    assert list_assemblies(path) == ["1", "2"]
    first = read_structure(path, assembly="first")
    assert first.chain.tolist() == ["A", "B", "A", "B", ""]
    np.testing.assert_allclose(first.xyz[:, 2] - XYZ[2], [0, 0, 7, 7, 7], atol=1e-4)
    np.testing.assert_allclose(read_structure(path, assembly="2").xyz[0, :2], [-2, -XYZ[1]], atol=1e-4)


def test_matrices_without_a_heading_are_assembly_1_of_every_chain(tmp_path: Path) -> None:
    atoms = [atom_line(chain=c, x=float(i)) for i, c in enumerate("AB")]
    path = saved(tmp_path, pdb(*remark_350({"1": IDENTITY, "2": UP}), *atoms))
    assert read_structure(path, assembly="1").chain.tolist() == ["A", "B", "A", "B"]


def test_an_assembly_of_a_file_that_describes_none_is_refused(tmp_path: Path) -> None:
    for content in (pdb(atom_line()), cif()):
        with pytest.raises(DataError, match="has no assembly 1; it describes none"):
            read_structure(saved(tmp_path, content), assembly="1")


BAD = {
    "stretched": (np.diag([1, 1, 2.0, 0])[:3], "operator 2 is not a rotation: it would stretch"),
    "sheared": (turn(0) + np.eye(3, 4, 1), "operator 2 is not a rotation: it would stretch"),
    "mirrored": (np.diag([1, 1, -1.0, 0])[:3], "operator 2 is not a rotation: it would mirror"),
    "zero": (np.zeros((3, 4)), "operator 2 is not a rotation"),
    "huge": (turn(90) * 5, "operator 2 is not a rotation"),
}


@pytest.mark.parametrize("kind", ["mmCIF", "PDB"])
@pytest.mark.parametrize("what", BAD)
def test_an_operator_that_is_no_rotation_is_refused_by_name(tmp_path: Path, what: str, kind: str) -> None:
    matrix, message = BAD[what]
    operators = {"1": IDENTITY, "2": matrix}
    more = generated({"1": ("1,2", "A"), "2": ("1", "A")}, operators)
    head = ["REMARK 350 BIOMOLECULE: 1", "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A", *remark_350(operators)]
    path = saved(tmp_path, cif(more=more) if kind == "mmCIF" else pdb(*head, atom_line()))
    with pytest.raises(DataError, match=f"assembly 1: {message}"):
        read_structure(path, assembly="1")
    assert len(read_structure(path)) == 1
    if kind == "mmCIF":  # another assembly does not use it
        assert len(read_structure(path, assembly="2")) == 1


def test_a_rotation_printed_with_three_decimals_is_one(tmp_path: Path) -> None:
    operators = {"1": np.round(turn(37.0, (1, 2, 3)), 3)}
    path = saved(tmp_path, cif(more=generated({"1": ("1", "A")}, operators)))
    np.testing.assert_allclose(read_structure(path, assembly="1").xyz, [moved(turn(37.0, (1, 2, 3)))], atol=0.02)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1,9", "assembly 1 uses operator 9, which the file does not define; it defines 1, 2, 3, P, X0, 1-2"),
        ("(1", r"operator expression '\(1' cannot be parsed"),
        ("(1)2", "cannot be parsed"),
        ("((1))", "cannot be parsed"),
        ("9-3", "cannot be parsed"),
        ("1-999999999", "cannot be parsed"),
        ("(1,2,3)" * 16, "makes more than 100000 copies"),
    ],
)
def test_an_expression_that_makes_no_sense_is_named(tmp_path: Path, expression: str, message: str) -> None:
    path = saved(tmp_path, cif(more=generated({"1": (expression, "A")}, SIMPLE)))
    with pytest.raises(DataError, match=message):
        read_structure(path, assembly="1")


def test_an_operator_without_all_its_numbers_is_incomplete(tmp_path: Path) -> None:
    path = saved(tmp_path, cif(more=generated({"1": ("1", "A")}, SIMPLE, columns="vector[2]")))
    with pytest.raises(DataError, match="assembly 1: operator 1 is incomplete"):
        read_structure(path, assembly="1")
    lines = remark_350({"1": IDENTITY, "2": HALF})[:-1]
    with pytest.raises(DataError, match="operator 2 is incomplete"):
        read_structure(saved(tmp_path, pdb(*lines, atom_line())), assembly="1")


def test_ncs_matrices_that_are_no_rotations_are_refused_too(tmp_path: Path) -> None:
    lines = [line.replace("REMARK 350   BIOMT", "MTRIX") for line in remark_350({"1": IDENTITY, "2": turn(90) * 2})]
    path = saved(tmp_path, pdb(*lines, atom_line()))
    assert len(read_structure(path)) == 1
    with pytest.raises(DataError, match="non-crystallographic symmetry: operator 2 is not a rotation"):
        read_structure(path, ncs=True)


def test_ncs_copies_that_the_file_does_not_give_are_made(tmp_path: Path) -> None:
    operators = {"1": IDENTITY, "2": turn(120, (1, 2, 3)), "3": turn(240)}
    lines = [line.replace("REMARK 350   BIOMT", "MTRIX") for line in remark_350(operators)]
    given = [f"{line:<59}1" if line[7:10] == "  3" else line for line in lines]
    for records, copies in ((lines, [2, 3]), (given, [2])):
        structure = read_structure(saved(tmp_path, pdb(*records, atom_line())), ncs=True)
        expected = [XYZ, *(moved(operators[str(number)]) for number in copies)]
        np.testing.assert_allclose(structure.xyz, expected, atol=1e-4)


def test_unusable_coordinates_are_named_before_copies_are_made(tmp_path: Path) -> None:
    tables = "".join(
        f"_struct_ncs_oper.{field} {value}\n"
        for field, value in zip(
            ["id", *(f"matrix[{i}][{j}]" for i in (1, 2, 3) for j in (1, 2, 3)), "vector[1]", "vector[2]", "vector[3]"],
            [2, 0, 1, 0, 0, 0, 1, 1, 0, 0, 5, 5, 5],
            strict=True,
        )
    )
    path = saved(tmp_path, cif([cif_atom(), cif_atom(label_atom_id="CB", Cartn_y="?")], tables), "m.cif")
    with pytest.raises(DataError, match="atom CB of ALA A1 has no usable coordinates"):
        read_structure(path, ncs=True)
    path = saved(tmp_path, cif(more=tables), "m.cif")
    np.testing.assert_allclose(read_structure(path, ncs=True).xyz[1], [XYZ[1] + 5, XYZ[2] + 5, XYZ[0] + 5], atol=1e-4)
