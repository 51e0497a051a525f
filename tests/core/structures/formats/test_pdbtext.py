"""PDB text in the dialects of forty years: what a density does not need never stops it, and no atom is lost."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from broken_structures import atom_line, pdb, saved

from cryotools.core.errors import CryotoolsWarning
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import read_structure

ONE, TWO, THREE = (atom_line(name, x=float(i)) for i, name in enumerate((" N  ", " CA ", " C  ")))
ANISOU = "ANISOU    1  CA  ALA A   1     2406   1892   1614    198    519   -328       C  "


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Structure]:
    """Read PDB text without a word from the reader."""

    def _read(content: bytes, **options: object) -> Structure:
        return read_structure(saved(tmp_path, content), **options)

    return _read


@pytest.mark.parametrize(
    "lines",
    [
        (ANISOU, ONE, TWO),
        (ONE, ANISOU, ANISOU, TWO),
        (ONE, "ANIS", TWO),
        (ONE, ANISOU, "ANISOU    9 CA    CA A   9     much", TWO, "anisou"),
        ("MODEL        1", ANISOU, ONE, TWO, "ENDMDL", ANISOU),
    ],
)
def test_anisotropic_records_are_of_no_use_and_do_no_harm(read: Callable, lines: tuple[str, ...]) -> None:
    assert read(pdb(*lines)).xyz[:, 0].tolist() == [0, 1]


def ending(line: str, tail: str) -> str:
    """`line` with `tail` from column 73 on."""
    return line[:66].ljust(72) + tail


@pytest.mark.parametrize(
    "tails",
    [
        ("1GDR 109", "1GDR 110"),  # before 1996: the entry and the line
        ("1ABC   9", "1ABC  10"),
        ("1ABC9998", "1ABC9999"),
        ("    1234", "    1235"),
        ("PROTEIN1", "PROTEIN2"),  # CHARMM's segment, in the element's columns as well
        ("MEMBRANE", "SOLVENTS"),
        ("      C.3", "      C.ar"),  # types of a force field
    ],
)
def test_whatever_stands_in_the_last_columns_makes_no_element(read: Callable, tails: tuple[str, str]) -> None:
    lines = [ending(line, tail) for line, tail in zip((ONE, TWO), tails, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)  # elements may be told from names, and said to be
        structure = read(pdb(*lines))
    assert structure.element.tolist() == [7, 6]
    assert structure.chain.tolist() == ["A", "A"]


@pytest.mark.parametrize("charge", ["  ", "1+", "+1", " 1", "1 ", "2-", "+", "-", "10", "99", "++"])
def test_charges_are_of_no_use_and_the_element_before_them_stays(read: Callable, charge: str) -> None:
    structure = read(pdb(ending(ONE, "     N" + charge), ending(atom_line("ZN  ", residue=" ZN"), "    ZN" + charge)))
    assert structure.element.tolist() == [7, 30]


FRAME = (ONE, TWO)
MODELS = {
    "END between": ((*FRAME, "END", THREE), [2, 1], "line 4: atoms follow END; read as models 1 to 2"),
    "END first": (("END", *FRAME), [2], None),
    "END inside of models": (
        ("MODEL        1", *FRAME, "END", "ENDMDL", "MODEL        2", THREE, "END", "ENDMDL"),
        [2, 1],
        None,
    ),
    "END in place of ENDMDL": (
        ("MODEL        3", *FRAME, "END", "MODEL        5", THREE, "END"),
        [2, 1],
        "2 MODEL but 0",
    ),
    "END within a chain": ((ONE, "TER", "END", TWO, "END", THREE), [1, 1, 1], "line 4: atoms follow END"),
    "atoms before MODEL": (
        (ONE, "MODEL        1", TWO, "ENDMDL"),
        [1, 1],
        "line 1: atoms precede the first MODEL; read as models 1 to 2",
    ),
    "atoms behind ENDMDL": (
        ("MODEL        1", ONE, "ENDMDL", TWO, THREE),
        [1, 2],
        "line 4: atoms lie outside any MODEL; read as models 1 to 2",
    ),
    "ENDMDL without MODEL": (
        (ONE, "ENDMDL", TWO, "ENDMDL", THREE, "ENDMDL"),
        [1, 1, 1],
        "line 3: atoms lie outside",
    ),
    "numbers twice": (
        ("MODEL        1", ONE, "ENDMDL", "MODEL        1", TWO, "ENDMDL"),
        [1, 1],
        "more than one model is numbered 1; read as models 1 to 2",
    ),
    "numbers missing": (
        ("MODEL", ONE, "ENDMDL", "MODEL", TWO, "ENDMDL"),
        [1, 1],
        "a MODEL has no number; read as models",
    ),
    "two files": (
        ("HEADER    A", "CRYST1   10.000", ONE, "MASTER", "HEADER    B", "REMARK   1", "CRYST1", TWO, THREE),
        [1, 2],
        "line 8: atoms follow a second HEADER; read as models 1 to 2",
    ),
    "two files with END": (
        ("HEADER    A", ONE, "END", "HEADER    B", TWO),
        [1, 1],
        "line 5: atoms follow END",
    ),
    "two ensembles": (
        ("MODEL        1", ONE, "ENDMDL", "MODEL        2", TWO, "ENDMDL", "END") * 2,
        [1, 1, 1, 1],
        "more than one model is numbered 1; read as models 1 to 4",
    ),
    "frames": (("CRYST1   10.000", ONE, TWO, "CRYST1   10.000", ONE, TWO), [2, 2], "atoms follow a second CRYST1"),
    "frames, numbered": (
        (
            "CRYST1   10.000",
            "MODEL        1",
            ONE,
            "ENDMDL",
            "TITLE",
            "CRYST1",
            "MODEL        2",
            "REMARK",
            TWO,
            "ENDMDL",
        ),
        [1, 1],
        None,
    ),
    "never closed": (("MODEL        7", *FRAME), [2], None),
    "far numbers": (("MODEL        5", ONE, "ENDMDL", "MODEL        2", TWO, THREE, "ENDMDL"), [1, 2], None),
}


@pytest.mark.slow
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("what", MODELS)
def test_no_atom_is_lost_to_end_and_model_records(read: Callable, what: str, end: str) -> None:
    lines, counts, message = MODELS[what]
    content = pdb(*lines).replace(b"\n", end.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        structure = read(content, model="all")
    assert [int((structure.model == number).sum()) for number in dict.fromkeys(structure.model.tolist())] == counts
    wanted = [float("0" if line is ONE else "1" if line is TWO else "2") for line in lines if line.startswith("ATOM")]
    assert structure.xyz[:, 0].tolist() == wanted
    said = [str(w.message) for w in caught]
    assert len(said) == (message is not None)
    assert message is None or message in said[0]


@pytest.mark.parametrize("what", [name for name, (_, counts, _) in MODELS.items() if len(counts) > 1])
def test_one_model_of_several_is_never_taken_without_a_word(read: Callable, what: str) -> None:
    lines, counts, _ = MODELS[what]
    with pytest.warns(CryotoolsWarning) as caught:
        structure = read(pdb(*lines))
    assert any(f"has {len(counts)} models; model" in str(w.message) for w in caught)
    assert len(structure) == counts[0]


def test_numbers_that_are_sound_are_kept(read: Callable) -> None:
    lines = MODELS["END in place of ENDMDL"][0]
    with pytest.warns(CryotoolsWarning, match="2 MODEL but 0 ENDMDL records; each MODEL ends at the next"):
        assert read(pdb(*lines), model=5).atom_name.tolist() == ["C"]
    assert read(pdb(*MODELS["far numbers"][0]), model=2).atom_name.tolist() == ["CA", "C"]


def test_the_first_files_symmetry_holds_where_two_are_joined(read: Callable) -> None:
    def remarks(z: float) -> list[str]:
        rows = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, z)]
        return [
            f"REMARK 350   BIOMT{n}   1{x:10.6f}{y:10.6f}{z:10.6f}{shift:15.5f}"
            for n, (x, y, z, shift) in enumerate(rows, 1)
        ]

    content = pdb("HEADER    A", *remarks(5), ONE, "END", "HEADER    B", *remarks(9), TWO)
    with pytest.warns(CryotoolsWarning, match="atoms follow END"):
        built = read(content, model="all", assembly="1")
    assert built.xyz[:, 2].tolist() == pytest.approx([-1.504, -1.504])


def residues(*names: str, chain: str = " ") -> bytes:
    """One atom in each residue; names stand in columns 18 to 21, or to 22 with the chain."""
    lines = []
    for number, name in enumerate(names, 1):
        line = atom_line(number=str(number), x=float(number))
        lines.append(line[:17] + (name if len(name) > 4 else f"{name:<4}{chain}") + line[22:])
    return pdb(*lines)


FOUR = {
    "blank chains": (residues("POPC", "DOPE", "TIP3", "ALA", "CHL1"), ["POPC", "DOPE", "TIP3", "ALA", "CHL1"], "     "),
    "chains behind them": (residues("ALA M", "POPCM", "TIP3W", "GLY M"), ["ALA", "POPC", "TIP3", "GLY"], "MMWM"),
    "lipids that begin as amino acids do": (residues("DSPCM", "POPCM", "ALA M"), ["DSPC", "POPC", "ALA"], "MMM"),
    "one chain of protein": (residues("ALA C", "POPC ", "GLY B"), ["ALA", "POPC", "GLY"], "C B"),
    "amino acids of a force field": (
        residues("LYSHA", "GLY A", "HISBA", "ASPHA"),
        ["LYSH", "GLY", "HISB", "ASPH"],
        "AAAA",
    ),
    "the ends of chains": (residues("NALA", "GLY", "CSER"), ["NALA", "GLY", "CSER"], "   "),
    "two letters of a chain": (residues("ALAAB", "GLYAB", "LIGAB", "HEMAB"), ["ALA", "GLY", "LIG", "HEM"], ["AB"] * 4),
    "a ligand's chain of two letters": (
        residues("ALAAA", "GLYAA", "XYZZZ", "HOHAB"),
        ["ALA", "GLY", "XYZ", "HOH"],
        ["AA", "AA", "ZZ", "AB"],
    ),
    "lower case and digits": (residues("ALAa1", "GLYa1"), ["ALA", "GLY"], ["a1", "a1"]),
    "a chain one column too far left": (residues("ALAA", "GLYA", "SERA"), ["ALA", "GLY", "SER"], "AAA"),
    "water of chains of two letters": (residues("ALAAA", "TIP3W", "HOHAA"), ["ALA", "TIP3", "HOH"], ["AA", "W", "AA"]),
    "five letters": (residues("A1LU6", "ALA B"), ["A1LU6", "ALA"], " B"),
    "three letters": (residues("ALA A", "HEM A", " DA B"), ["ALA", "HEM", "DA"], "AAB"),
}


@pytest.mark.parametrize("what", FOUR)
def test_residue_names_of_four_letters_and_chains_of_two_are_told_apart(read: Callable, what: str) -> None:
    content, names, chains = FOUR[what]
    structure = read(content)
    assert structure.residue_name.tolist() == names
    assert structure.chain.tolist() == [chain.strip() for chain in chains]
    assert structure.residue_number.tolist() == list(range(1, len(names) + 1))
    np.testing.assert_allclose(structure.xyz[:, 0], np.arange(1, len(names) + 1))


def test_hundreds_of_long_names_are_kept_apart(read: Callable) -> None:
    names = [f"{a}{b}QX" for a in "BCDEFGHIJKLMNOPQRSTUVWXYZ" for b in "0123456789BCDEFGHIJ"]
    structure = read(residues(*names))
    assert structure.residue_name.tolist() == names
