"""Elements are those of the molecules, whatever columns hold and wherever names begin."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import gemmi
import numpy as np
import pytest
from broken_structures import CIF_ATOM, atom_line, cif, cif_atom, pdb, saved

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError, UnknownElementError
from cryotools.core.structures.chemistry.elements import symbol
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import read_structure


def atom(residue: str, name: str, element: str | None = "", number: int = 1) -> str:
    """One line; a `name` of four letters as it is, a shorter one from column 14 on."""
    four = name if len(name) == 4 else f" {name:<3}"
    amino = gemmi.find_tabulated_residue(residue).is_amino_acid() or residue in ("HSD", "HSE", "HIE", "CYX")
    record = "ATOM" if amino else "HETATM"
    line = atom_line(four, float(number), record=record, residue=residue, number=str(number), element=element)
    return line if len(residue) < 4 else line.replace(f"{residue} A", f"{residue}A")


@pytest.fixture
def elements(tmp_path: Path) -> Callable[..., list[str]]:
    """The elements of a file with these lines; one warning says `saying`, without it there is none."""

    def _elements(*lines: str, saying: str = "", **options: object) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = read_structure(saved(tmp_path, pdb(*lines)), **options).element
        told = [str(w.message) for w in caught if w.category is CryotoolsWarning]
        assert any(re.search(saying, text) for text in told) if saying else not told
        return [symbol(number) for number in found]

    return _elements


LEUCINE = ["N   ", "CA  ", "C   ", "O   ", "CB  ", "CG  ", "CD1 ", "CD2 ", "HG  ", "HD11", "1HB "]


@pytest.mark.parametrize("shift", [False, True], ids=["from column 13", "from column 14"])
def test_a_leucine_is_of_carbon_in_whichever_column_its_names_begin(elements: Callable, shift: bool) -> None:
    names = [name if name[3] != " " or not shift else f" {name[:3]}" for name in LEUCINE]
    lines = [atom("LEU", name, number=i) for i, name in enumerate(names)]
    assert elements(*lines) == ["N", "C", "C", "O", "C", "C", "C", "C", "H", "H", "H"]


OF_POLYMERS = {
    ("THR", "OG1 "): "O",
    ("THR", "CG2 "): "C",
    ("ARG", "NE  "): "N",
    ("ARG", "NH1 "): "N",
    ("ASN", "ND2 "): "N",
    ("CYS", "SG  "): "S",
    ("MET", "SD  "): "S",
    ("MET", "CE  "): "C",
    ("MSE", "SE  "): "Se",
    ("SER", "HG  "): "H",
    ("GLY", "HA2 "): "H",
    ("SEP", "P   "): "P",
    ("HSD", "CD2 "): "C",
    ("HIE", "NE2 "): "N",
    ("CYX", "SG  "): "S",
    ("ALA", "1HB "): "H",
    ("DA", "P   "): "P",
    ("DG", "OP1 "): "O",
    ("U", "C5' "): "C",
    ("A", "HO2'"): "H",
    ("ALA", "D   "): "H",  # deuterium
    ("ASX", "XD1 "): "N",  # nitrogen or oxygen
}


@pytest.mark.parametrize(("residue", "name"), OF_POLYMERS)
def test_proteins_and_nucleic_acids_need_no_element_column(elements: Callable, residue: str, name: str) -> None:
    assert elements(atom(residue, name)) == [OF_POLYMERS[residue, name]]


IONS = {
    **{("POT", "POT "): "K", ("SOD", "SOD "): "Na", ("CES", "CES "): "Cs", ("RUB", "RUB "): "Rb"},
    **{("CAD", "CAD "): "Cd", ("CAL", "CAL "): "Ca", ("LIT", "LIT "): "Li", ("CLA", "CLA "): "Cl"},
    **{("BAR", "BAR "): "Ba", ("ZN2", "ZN  "): "Zn", ("MG", "MG  "): "Mg", ("MAG", "MG  "): "Mg"},
    **{("NA", " NA "): "Na", ("NA", "NA  "): "Na", ("K", " K  "): "K", ("K", "K   "): "K", ("CA", " CA "): "Ca"},
    **{("NA+", "NA+ "): "Na", ("CL-", "CL- "): "Cl", ("FE2", "FE  "): "Fe", ("IOD", "I   "): "I", ("XE", "XE  "): "Xe"},
}


@pytest.mark.slow
@pytest.mark.parametrize(("residue", "name"), IONS)
@pytest.mark.parametrize("column", ["", "C"], ids=["no column", "a wrong column"])
def test_a_residue_that_is_an_ion_is_its_element(elements: Callable, residue: str, name: str, column: str) -> None:
    saying = f"element column is wrong for 1 atoms .*{residue}" if column else ""
    assert elements(atom(residue, name, column), saying=saying) == [IONS[residue, name]]


def test_chlorophyll_and_the_chloride_of_charmm_share_a_name_but_not_their_atoms(elements: Callable) -> None:
    names = {"MG  ": "Mg", "CHA ": "C", "NB  ": "N", "O1D ": "O", "CAA ": "C"}
    assert elements(*(atom("CLA", name, number=1) for name in names)) == list(names.values())


HAEM = {"FE  ": "Fe", "NA  ": "N", "NB  ": "N", "ND  ": "N", "CHA ": "C", "CAD ": "C", "CMA ": "C", "O1A ": "O"}


@pytest.mark.parametrize("residue", ["HEM", "HEC"])
def test_haem_is_iron_and_organic(elements: Callable, residue: str) -> None:
    assert elements(*(atom(residue, name) for name in HAEM)) == list(HAEM.values())


ABSURD = {
    ("LEU", "CD1", "CD"): "C",
    ("THR", "OG1", "OG"): "O",
    ("ALA", "CA", "CA"): "C",
    ("ARG", "NE", "NE"): "N",
    ("SER", "HG", "HG"): "H",
    ("MET", "CE", "CE"): "C",
    ("LYS", "NZ", "ZN"): "N",
    ("HEM", "FE", "F"): "Fe",
    ("HEM", "NA", "NA"): "N",
    ("HOH", "O", "OS"): "O",
    ("DA", "C5'", "CS"): "C",
    ("NAG", "CA", "CA"): "C",
    ("HSE", "CD2", "CD"): "C",
    ("LIG", "XE1", "XE"): None,
    ("LIG", "NE1", "NE"): "N",
}


@pytest.mark.parametrize(("residue", "name", "column"), ABSURD)
def test_an_element_that_a_residue_cannot_hold_is_never_taken(
    elements: Callable, residue: str, name: str, column: str
) -> None:
    right = ABSURD[residue, name, column]
    if right:
        saying = "guessed" if residue == "LIG" else f"first: {residue} {name} as {column.capitalize()}.*{right} 1"
        assert elements(atom(residue, name, column), saying=saying) == [right]
    else:
        with pytest.raises(UnknownElementError, match="first: LIG XE1 as Xe"):
            elements(atom(residue, name, column))


UNUSUAL = [("CYS", "AS", "AS"), ("MET", "SE", "SE"), ("U", "BR", "BR"), ("PHI", "I", "I"), ("LIG", "CA1", "CA")]


@pytest.mark.parametrize(("residue", "name", "column"), UNUSUAL)
def test_an_unusual_element_that_the_name_repeats_is_taken(
    elements: Callable, residue: str, name: str, column: str
) -> None:
    assert elements(atom(residue, name, column)) == [column.capitalize()]


def test_what_is_heavier_than_krypton_in_an_amino_acid_is_taken_with_a_warning_only(elements: Callable) -> None:
    assert elements(atom("TYR", "I1", "I"), saying="unusual for their residue .the first: TYR I1 as I") == ["I"]
    with pytest.raises(UnknownElementError, match="the first: ALA Y1"):
        elements(atom("ALA", "Y1"))


def test_a_column_that_repeats_names_is_not_believed_for_ligands_either(elements: Callable) -> None:
    lines = [atom("LEU", "CD1", "CD"), atom("LIG", "CA1", "CA", 2), atom("LIG", "CL1", "CL", 3)]
    assert elements(*lines, saying="guessed from their names: C 1;") == ["C", "C", "Cl"]


def test_an_unknown_ligand_is_guessed_with_a_warning_that_counts(elements: Callable) -> None:
    names = ["C1", "N1", "O1", "CL1", "BR2", "F1", "CA", "NA", "CD1", "HG", "S1"]
    found = elements(
        *(atom("LIG", name, number=i) for i, name in enumerate(names)), saying="11 atoms of LIG was guessed"
    )
    assert found == ["C", "N", "O", "Cl", "Br", "F", "C", "N", "C", "H", "S"]
    elements(*(atom("LIG", name) for name in names[:4]), saying="C 1, Cl 1, N 1, O 1; fill in the element column")


@pytest.mark.parametrize(("others", "right"), [(" N1 ", ["N", "Ca", "Cd"]), ("N1  ", ["N", "C", "C"])])
def test_the_names_column_is_the_last_resort_and_only_where_it_says_something(
    elements: Callable, others: str, right: list[str]
) -> None:
    lines = [atom("LIG", name, number=i) for i, name in enumerate([others, "CA  ", "CD1 "])]
    assert elements(*lines, saying="guessed") == right


GASES = {"PO  ": "P", "HE  ": "H", "RN  ": "", "XE1 ": "", "TH1 ": ""}


@pytest.mark.parametrize("name", GASES)
def test_no_guess_is_a_noble_gas_or_radioactive(elements: Callable, name: str) -> None:
    lines = [atom("LIG", " C1 "), atom("LIG", " C2 ", number=2), atom("LIG", name, number=3)]
    if GASES[name]:
        assert elements(*lines, saying="guessed")[2] == GASES[name]
    else:
        with pytest.raises(UnknownElementError, match=f"the first: LIG {name.strip()}"):
            elements(*lines, saying="guessed")


def test_a_name_that_contradicts_its_column_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path, pdb(atom("ALA", "CA", "N")))
    with pytest.warns(
        CryotoolsNote, match="an element that contradicts their residue and name .the first: ALA CA as N"
    ):
        assert read_structure(path).element.tolist() == [7]


MODELS_OF_WATER = {
    "AMBER": ("WAT", ["O   ", "H1  ", "H2  ", "EPW "], "EPW"),
    "GROMACS": ("SOL", ["OW  ", "HW1 ", "HW2 ", "MW  "], "MW"),
    "OpenMM": ("HOH", ["O   ", "H1  ", "H2  ", "M   "], "M"),
    "CHARMM": ("TIP4", ["OH2 ", "H1  ", "H2  ", "OM  "], "OM"),
    "Drude": ("SWM4", ["OH2 ", "H1  ", "H2  ", "DOH2"], "DOH2"),
    "TIP5P": ("T5P", ["O   ", "H1  ", "H2  ", "LP1 "], "LP1"),
}


@pytest.mark.parametrize("model", MODELS_OF_WATER)
@pytest.mark.parametrize("column", ["", "X"])
def test_dummy_sites_of_water_weigh_nothing_and_are_left_out(tmp_path: Path, model: str, column: str) -> None:
    residue, names, dummy = MODELS_OF_WATER[model]
    lines = [atom(residue, name, column if name.strip() == dummy else "") for name in names]
    with pytest.warns(CryotoolsNote, match=f"1 massless sites are left out .the first: {residue} {dummy}"):
        water = read_structure(saved(tmp_path, pdb(atom("ALA", "CA"), *lines)))
    assert water.element.tolist() == [6, 8, 1, 1]


@pytest.mark.parametrize(
    ("residue", "name"),
    [
        ("ALA", "DCA"),
        ("ALA", "LPA"),
        ("ALA", "MCB1"),
        ("ALA", "QB"),
        ("DUM", "N"),
        ("DUM", "O"),
        ("LIG", "EP1"),
        ("DRUD", "D"),
    ],
)
def test_dummy_sites_elsewhere_are_left_out(tmp_path: Path, residue: str, name: str) -> None:
    with pytest.warns(CryotoolsNote, match="1 massless sites are left out"):
        assert len(read_structure(saved(tmp_path, pdb(atom("ALA", "CA"), atom(residue, name))))) == 1


def test_a_file_of_nothing_but_dummy_sites_is_refused(tmp_path: Path) -> None:
    with pytest.warns(CryotoolsNote), pytest.raises(DataError, match="has no atom of a known element"):
        read_structure(saved(tmp_path, pdb(atom("DUM", "N"))))


def without_elements(path: Path, left: bool) -> bytes:
    """A file as PDB text that ends behind the B factors, names as they should be or all from column 13."""
    lines = gemmi.read_structure(str(path)).make_pdb_string().splitlines()
    names = [line[12:16].strip().ljust(4) if left else line[12:16] for line in lines]
    return "\n".join(
        line[:12] + name + line[16:66] if line.startswith(("ATOM", "HETATM")) else line
        for line, name in zip(lines, names, strict=True)
    ).encode()


@pytest.mark.parametrize("left", [False, True], ids=["as they should be", "all from column 13"])
def test_a_real_structure_without_its_element_column_has_the_same_elements(
    tmp_path: Path, trypsin: Path, left: bool
) -> None:
    whole = read_structure(trypsin)
    with pytest.warns(CryotoolsWarning, match="guessed"):  # of the ligand
        bare = read_structure(saved(tmp_path, without_elements(trypsin, left)))
    key = ["chain", "residue_number", "atom_name", "altloc"]

    def by_name(structure: Structure) -> dict[tuple, int]:
        rows = zip(*(getattr(structure, name).tolist() for name in key), structure.element.tolist(), strict=True)
        return {tuple(row[:-1]): row[-1] for row in rows}

    assert by_name(bare) == by_name(whole)


def test_biopython_reads_the_same_elements_where_names_are_where_they_should_be(tmp_path: Path, trypsin: Path) -> None:
    from Bio.PDB import PDBParser

    path = saved(tmp_path, without_elements(trypsin, left=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms = list(PDBParser(QUIET=True).get_structure("x", path).get_atoms())
        ours = read_structure(path)
    assert Counter(a.element.capitalize() for a in atoms) == Counter(symbol(n) for n in ours.element)


@pytest.mark.parametrize("given", ["?", ".", None])
def test_mmcif_without_type_symbols_is_told_from_names(tmp_path: Path, given: str | None) -> None:
    rows = [("LEU", "CD1", "C"), ("THR", "OG1", "O"), ("CA", "CA", "Ca"), ("HEM", "FE", "Fe"), ("HEM", "NA", "N")]
    atoms = [
        cif_atom(type_symbol=given or "C", label_comp_id=r, label_atom_id=a, auth_seq_id=str(i), Cartn_x=f"{i}.0")
        for i, (r, a, _) in enumerate(rows, 1)
    ]
    content = cif(atoms)
    if given is None:
        column = list(CIF_ATOM).index("type_symbol")
        content = content.replace(b"_atom_site.type_symbol\n", b"")
        for row in atoms:
            values = row.split()
            content = content.replace(row.encode(), " ".join(values[:column] + values[column + 1 :]).encode())
    with pytest.warns(
        CryotoolsWarning, match="the element of 5 atoms was inferred from their names: C 1, Ca 1, Fe 1, N 1, O 1"
    ):
        structure = read_structure(saved(tmp_path, content, "model.cif"))
    assert [symbol(n) for n in structure.element] == [right for *_, right in rows]


def test_serial_numbers_below_zero_say_nothing_of_elements(elements: Callable) -> None:
    lines = [atom("LEU", "CD1", "C", number) for number in (1, 2, 3)]
    lines = [line[:6] + f"{serial:5d}" + line[11:] for line, serial in zip(lines, (-9, -8, -1), strict=True)]
    assert elements(*lines) == ["C", "C", "C"]


def test_the_order_of_chains_does_not_mix_elements_up(elements: Callable) -> None:
    lines = [
        atom_line("CD1 ", 1.0, chain="A", residue="LEU", element=""),
        atom_line(" O  ", 2.0, chain="B", element="O"),
        atom_line("OG1 ", 3.0, chain="A", residue="THR", number="2", element=""),
        atom_line(" N  ", 4.0, chain="B", number="2", element="N"),
    ]
    assert sorted(elements(*lines)) == ["C", "N", "O", "O"]


def test_lines_of_any_length_keep_their_occupancies(tmp_path: Path) -> None:
    line = atom_line("CD1 ", occupancy="0.50", residue="LEU")
    lines = [line[:end].replace("LEU A   1", f"LEU A{end:4d}") for end in (54, 55, 57, 60, 66, 72, 76, 77)]
    structure = read_structure(saved(tmp_path, pdb(*lines)))
    assert structure.element.tolist() == [6] * 8
    np.testing.assert_allclose(structure.occupancy[[0, 3, 4, 5, 6, 7]], [1, 0.5, 0.5, 0.5, 0.5, 0.5])
