"""Models read right, in all their dialects; broken ones refused in one line that says where."""

from __future__ import annotations

import bz2
import gzip
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from broken_structures import atom_line, cif, cif_atom, pdb, saved

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.structures import structurefile
from cryotools.core.structures.structure import LIGAND, NUCLEIC, PROTEIN, WATER, Structure
from cryotools.core.structures.structurefile import read_structure

ONE = atom_line()
TWO = (ONE, atom_line(" CB ", "12.104", serial="2"))
OTHER = cif([cif_atom(Cartn_x="1.5")], block="other")
NO_COORDINATES = b"data_x\n_cell.length_a 10\n_entry.id x\n"

REFUSED = {
    "empty": (b"", "is an empty file"),
    "blank": (b"\n \n\n", "is an empty file"),
    "no atoms": (pdb("HEADER    NOTHING"), "has no atoms"),
    "text": (b"hello world\nthis is no structure\n", "is neither PDB nor mmCIF text"),
    "web page": (b"<html><body>404 Not Found</body></html>", "looks like a web page"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "looks like a Git LFS pointer"),
    "map": (b"\x0c\0\0\0" * 500, "is a binary file, not PDB or mmCIF text"),
    "x NaN": (pdb(*TWO, atom_line(x="nan")), "line 3: the coordinate '     nan' is not a number; correct or remove"),
    "y infinite": (pdb(ONE, atom_line(y="inf")), "line 2: the coordinate '     inf' is not a number"),
    "z stars": (pdb(atom_line(z="********")), r"line 1: the coordinate '\*{8}' is not a number"),
    "blank coordinate": (pdb(atom_line(y="")), "line 1: the coordinate ' {8}' is not a number"),
    "two numbers": (pdb(atom_line(x="4   6.13")), "the coordinate '4   6.13' is not a number"),
    "two dots": (pdb(atom_line(x="1.2.3")), "the coordinate '   1.2.3' is not a number"),
    "minus inside": (pdb(atom_line(x="10-4.5")), "the coordinate '  10-4.5' is not a number"),
    "two signs": (pdb(atom_line(x="--4.5")), "the coordinate '   --4.5' is not a number"),
    "exponent": (pdb(atom_line(x="1.1e+01")), "the coordinate ' 1.1e.01' is not a number"),
    "far away": (cif([cif_atom(Cartn_x="1e9")]), "atom CA of ALA A1 has no usable coordinates"),
    "short line": (pdb(ONE, ONE[:50]), "line 2 ends before its coordinates; copy the file again"),
    "short last line": (pdb(ONE)[:-4] + ONE[:40].encode(), "line 2 ends before its coordinates"),
    "tabs": (pdb(ONE.replace("   ", "\t")), "line 1 contains tabs; PDB columns need spaces"),
    "lower case": (
        pdb(atom_line(record="atom")),
        "line 1: the record name is in lower case; PDB needs ATOM and HETATM",
    ),
    "one lower case": (pdb(ONE, atom_line(record="hetatm")), "line 2: the record name is in lower case"),
    "unknown element": (
        pdb(atom_line(" X1 ", element="X", residue="UNL")),
        r"1 atoms have an unknown element \(the first: UNL X1\); correct the element column",
    ),
    "cif loop cut": (cif()[:-10], "cannot be parsed: line 4: Wrong number of values in loop _atom_site"),
    "cif name cut": (cif()[:200], "cannot be parsed: line 12: parse error"),
    "cif quote open": (b"data_x\n_a.b 'open\n", "cannot be parsed: .*unterminated"),
    "cif without atoms": (NO_COORDINATES, "has no atoms"),
    "cif empty": (b"data_x\n", "has no atoms"),
    "cif unknown coordinate": (cif([cif_atom(Cartn_y="?")]), "atom CA of ALA A1 has no usable coordinates"),
    "cif text coordinate": (cif([cif_atom(Cartn_y="six")]), "has no usable coordinates"),
    "BinaryCIF": (b"\x83\xa7encoder\xa9mol*\0", "BinaryCIF is not read: convert it to mmCIF"),
    "gzip cut": (gzip.compress(pdb(*TWO) * 50)[:-12], "compressed data are damaged or truncated"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
def test_a_broken_model_is_refused_in_one_line_that_says_why(tmp_path: Path, what: str) -> None:
    content, message = REFUSED[what]
    path = saved(tmp_path, content)
    with pytest.raises(DataError, match=f"{path}: .*{message}") as caught:
        read_structure(path)
    assert "\n" not in str(caught.value)


ODD = {
    "twice": (pdb(*TWO, ONE), "1 atoms are listed twice; the copies are ignored", 2),
    "occupancy no number": (pdb(ONE, atom_line(" CB ", occupancy="1.o0")), "1 occupancies are not numbers", 2),
    "B negative": (pdb(atom_line(b="-20.00")), "1 B factors are negative; 0 is used instead", 1),
    "B stars": (pdb(ONE, atom_line(" CB ", b="******")), "1 B factors are not numbers; 0 is used instead", 2),
    "B text": (cif([cif_atom(B_iso_or_equiv="high")]), "1 B factors are not numbers; 0 is used instead", 1),
    "element wrong": (pdb(atom_line(element="Xx")), "the element of 1 atoms was inferred from their names", 1),
    "models": (pdb("MODEL        1", ONE, "ENDMDL", "MODEL        2", *TWO, "ENDMDL"), "has 2 models; model 1 is", 1),
    "open models": (pdb("MODEL        1", ONE, "MODEL        2", *TWO), "2 MODEL but 0 ENDMDL", 1),
    "two blocks": (cif() + OTHER, "2 data blocks contain atoms; each is read as a model", 1),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_model_is_read_with_a_warning(tmp_path: Path, what: str) -> None:
    content, message, atoms = ODD[what]
    with pytest.warns(CryotoolsWarning) as caught:
        structure = read_structure(saved(tmp_path, content))
    assert any(message in str(w.message) for w in caught)
    assert len(structure) == atoms
    assert structure.xyz[0].tolist() == [11.104, 6.134, -6.504]
    assert np.isfinite(structure.b_factor).all()


DIALECTS = {
    "LF": pdb(*TWO),
    "CRLF": pdb(*TWO).replace(b"\n", b"\r\n"),
    "CR": pdb(*TWO).replace(b"\n", b"\r"),
    "no last newline": "\n".join(TWO).encode(),
    "BOM": b"\xef\xbb\xbf" + pdb(*TWO),
    "no element": pdb(*(line[:66] for line in TWO)),
    "no B": pdb(*(line[:60] for line in TWO)),
    "coordinates only": pdb(*(line[:54] for line in TWO)),
    "fewer decimals": pdb(*(line.replace("11.104", " 11.10") for line in TWO)),
    "blank line first": b"\n\n" + pdb(*TWO),
    "serial stars": pdb(*(line.replace("    1 ", "***** ", 1) for line in TWO)),
    "ANISOU": pdb(ONE, "ANISOU    1  CA  ALA A   1     1000   1000   1000      0      0      0       C", TWO[1]),
    "not ASCII": pdb("REMARK Ångström", *TWO),
    "UTF-16": pdb(*TWO).decode().encode("utf-16"),
    "UTF-16, no mark": pdb(*TWO).decode().encode("utf-16-le"),
    "UTF-16, big-endian, no mark": pdb(*TWO).decode().encode("utf-16-be"),
    "UTF-32": pdb(*TWO).decode().encode("utf-32"),
    "empty block first": NO_COORDINATES + cif([cif_atom(), cif_atom(id="2", label_atom_id="CB", Cartn_x="12.104")]),
    "mmCIF": b"# from a program\n" + cif([cif_atom(), cif_atom(id="2", label_atom_id="CB", Cartn_x="12.104")]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.pdb", "model.cif", "model", "model.ent.gz"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_read_whatever_the_suffix(tmp_path: Path, dialect: str, name: str) -> None:
    structure = read_structure(saved(tmp_path, DIALECTS[dialect], name))
    np.testing.assert_allclose(structure.xyz, [[11.104, 6.134, -6.504], [12.104, 6.134, -6.504]], atol=0.005)
    assert structure.atom_name.tolist() == ["CA", "CB"]
    assert structure.element.tolist() == [6, 6]
    assert structure.occupancy.tolist() == [1, 1]


def test_bzip2_is_read_too(tmp_path: Path) -> None:
    assert len(read_structure(saved(tmp_path, bz2.compress(pdb(*TWO)), "model.pdb.bz2"))) == 2


def test_standard_input_is_read_as_a_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pdb(*TWO))))
    assert len(read_structure("-")) == 2
    with pytest.raises(DataError, match="standard input: is empty"):
        read_structure("-")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_standard_input_is_unpacked_by_what_it_holds(monkeypatch: pytest.MonkeyPatch, pack: Callable) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pack(pdb(*TWO)))))
    assert len(read_structure("-")) == 2
    assert not sys.stdin.buffer.closed
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pack(pdb(*TWO) * 99)[:-20])))
    with pytest.raises(DataError, match=r"standard input: (the compressed data are damaged|cannot be read)"):
        read_structure("-")


def test_standard_input_that_unpacks_to_more_than_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structurefile, "available_bytes", lambda: 4000)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(pdb(*TWO * 100)))))
    with pytest.raises(DataError, match="standard input: unpacks to more than"):
        read_structure("-")


def test_text_that_unpacks_to_more_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structurefile, "available_bytes", lambda: 4000)
    with pytest.raises(DataError, match="unpacks to more than"):
        read_structure(saved(tmp_path, pdb(*TWO * 100), "model.pdb.gz"))


def test_hybrid_36_numbers_and_serials_are_read(tmp_path: Path) -> None:
    lines = [atom_line(serial=s, number=n) for s, n in (("99999", "9999"), ("A0000", "A000"), ("A0001", "A001"))]
    assert read_structure(saved(tmp_path, pdb(*lines))).residue_number.tolist() == [9999, 10000, 10001]


@pytest.mark.slow
def test_more_than_99999_atoms_are_read(tmp_path: Path) -> None:
    tail = ONE[54:]
    lines = [f"ATOM  *****  CA  ALA A{i % 10000:4d}    {i * 0.01:8.3f}   1.000   2.000{tail}" for i in range(100_001)]
    structure = read_structure(saved(tmp_path, pdb(*lines)))
    assert len(structure) == 100_001
    np.testing.assert_allclose(np.sort(structure.xyz[:, 0]), np.arange(100_001) * 0.01, atol=1e-6)


def test_an_atom_twice_at_two_places_is_two_atoms(tmp_path: Path) -> None:
    assert len(read_structure(saved(tmp_path, pdb(ONE, atom_line(x="50.000"))))) == 2


def test_alternate_locations_keep_their_letters_and_occupancies(tmp_path: Path) -> None:
    lines = [atom_line(altloc="A", occupancy="0.60"), atom_line(altloc="B", occupancy="0.40", x="12.000"), TWO[1]]
    structure = read_structure(saved(tmp_path, pdb(*lines)))
    assert structure.altloc.tolist() == ["A", "B", ""]
    np.testing.assert_allclose(structure.occupancy, [0.6, 0.4, 1.0], rtol=1e-6)


def test_insertion_codes_and_blank_chains_are_kept_apart(tmp_path: Path) -> None:
    lines = [atom_line(chain=" "), atom_line(chain=" ", icode="A", x="1.000"), atom_line(chain="b", x="2.000")]
    structure = read_structure(saved(tmp_path, pdb(*lines)))
    assert structure.chain.tolist() == ["", "", "b"]
    assert structure.insertion_code.tolist() == ["", "A", ""]
    assert structure.residue_index().tolist() == [0, 1, 2]


def test_chain_names_of_several_letters_are_kept(tmp_path: Path) -> None:
    content = cif([cif_atom(auth_asym_id="AAbb"), cif_atom(auth_asym_id="ABCDEFG", Cartn_x="1.0")])
    assert read_structure(saved(tmp_path, content, "model.cif.gz")).chain.tolist() == ["AAbb", "ABCDEFG"]


def test_deuterium_is_hydrogen(tmp_path: Path) -> None:
    content = pdb(ONE, atom_line(" D  ", x="1.000", element="D"))
    assert read_structure(saved(tmp_path, content)).element.tolist() == [6, 1]


def test_occupancies_and_b_factors_that_are_blank_or_extreme(tmp_path: Path) -> None:
    fields = [("", "20.00"), ("0.00", ""), ("1.00", "999.99"), ("1.50", "0.00")]
    lines = [atom_line(number=str(i), occupancy=occupancy, b=b) for i, (occupancy, b) in enumerate(fields)]
    structure = read_structure(saved(tmp_path, pdb(*lines)))
    assert structure.occupancy.tolist() == [1, 0, 1, 1.5]
    np.testing.assert_allclose(structure.b_factor, [20, 0, 999.99, 0])


@pytest.mark.parametrize(
    "content",
    [pdb(ONE, atom_line(" CB ", occupancy="-0.50")), cif([cif_atom(), cif_atom(label_atom_id="CB", occupancy="-0.5")])],
    ids=["PDB", "mmCIF"],
)
def test_an_occupancy_below_0_stops_only_those_who_use_it(tmp_path: Path, content: bytes) -> None:
    structure = read_structure(saved(tmp_path, content))
    assert structure.occupancy.tolist() == [1, -0.5]
    with pytest.raises(
        DataError, match="of ALA A1 has no occupancy or a negative one; correct the occupancies, or ignore"
    ):
        structure.usable_occupancy()
    no_number = read_structure(saved(tmp_path, cif([cif_atom(occupancy="full")])))
    with pytest.raises(DataError, match="has no occupancy or a negative one"):
        no_number.usable_occupancy()


def test_kinds_are_told_by_residue_names(tmp_path: Path) -> None:
    residues = {"ALA": PROTEIN, "MSE": PROTEIN, " DA": NUCLEIC, "  U": NUCLEIC, "HOH": WATER, "HEM": LIGAND}
    lines = [atom_line(" O  ", residue=r, number=str(i), x=float(i), element="O") for i, r in enumerate(residues)]
    assert read_structure(saved(tmp_path, pdb(*lines))).kind.tolist() == list(residues.values())


def test_hetatm_records_alone_are_a_model(tmp_path: Path) -> None:
    structure = read_structure(saved(tmp_path, pdb(atom_line(" O  ", record="HETATM", residue="HOH", element="O"))))
    assert structure.hetero.all()


def models(tmp_path: Path) -> Path:
    return saved(tmp_path, pdb("MODEL        1", ONE, "ENDMDL", "MODEL        5", *TWO, "ENDMDL"))


def test_a_model_is_picked_by_its_number_or_all_are_taken(tmp_path: Path) -> None:
    assert len(read_structure(models(tmp_path), model=5)) == 2
    assert read_structure(models(tmp_path), model="all").model.tolist() == [1, 5, 5]


def test_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no model 2; it has 1, 5"):
        read_structure(models(tmp_path), model=2)


def test_atoms_of_unknown_element_are_left_out_when_asked(tmp_path: Path) -> None:
    unknown = atom_line(" X1 ", residue="UNL", element="X")
    with pytest.warns(CryotoolsWarning, match=r"1 atoms have an unknown element \(the first: UNL X1\); left out"):
        assert len(read_structure(saved(tmp_path, pdb(*TWO, unknown)), skip_unknown=True)) == 2
    with pytest.warns(CryotoolsWarning), pytest.raises(DataError, match="has no atom of a known element"):
        read_structure(saved(tmp_path, pdb(unknown)), skip_unknown=True)


def test_biopython_reads_the_same_atoms(trypsin: Path) -> None:
    from Bio.PDB import MMCIFParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = MMCIFParser(QUIET=True).get_structure("x", trypsin)
    atoms = [atom for residue in parsed.get_residues() for atom in residue.get_unpacked_list()]

    def rows(columns: list) -> list[tuple]:
        return sorted(zip(*columns, strict=True))

    ours: Structure = read_structure(trypsin)
    columns = (ours.atom_name, ours.residue_name, ours.chain, ours.residue_number, ours.altloc)
    theirs = [
        (a.name, a.parent.resname, a.parent.parent.id, a.parent.id[1], a.altloc.strip(), *np.round(a.coord, 3).tolist())
        for a in atoms
    ]
    assert len(ours) == 1761
    xyz = np.round(ours.xyz.astype(np.float32), 3)
    assert rows([*(c.tolist() for c in columns), *xyz.T.tolist()]) == sorted(theirs)
