"""Infer elements from atom names, and check element columns, for each class of residue."""

from __future__ import annotations

import re
from enum import Enum, auto

from cryotools.core.structures.chemistry.residueclass import SYMBOLS, ResidueClass, ion_symbol
from cryotools.core.structures.chemistry.residuetables import COFACTORS, TWO_HALVES, names

_AMINO, _NUCLEOTIDE, _WATER, _ION = (ResidueClass[n] for n in ("AMINO", "NUCLEOTIDE", "WATER", "ION"))
_STANDARD = (_AMINO, _NUCLEOTIDE)
_KRYPTON = 36  # no natural amino acid or nucleotide contains a heavier element
_HEAVIEST = 98
_ORGANIC = {"H": 1, "D": 1, "C": 6, "N": 7, "O": 8, "P": 15, "S": 16}
_NOBLE = frozenset(SYMBOLS[s] for s in ("HE", "NE", "AR", "KR", "XE", "RN", "OG"))
_RADIOACTIVE = frozenset({43, 61, 84, 85, 87, 88, 89, 90, 91, *range(93, 119)})  # uranium occurs in crystals
# two-letter symbols at the start of ligand atom names; CA, CD, NA, HG … are more likely carbon, nitrogen, hydrogen
_TWO_LETTERS = names("CL BR FE ZN MG MN LI BE AL AS AU AG GA GE TE TI TL MO RU RH RE RB IR ZR BI GD EU TB YB LU SI")
_WHOLE_NAMES = names("SE CU NI PT")  # the same, if the name has no other letters
_PLACES = names("CA CD CE NA NB ND NE HE HO HF PA NP CM CF NO HS")  # a lighter element's letter and a position label
_DUMMY = re.compile(r"EPW?|LP[A-Z]*|DUM[A-Z]*|DRUD?|VS|VIRT|ORIG|D[CNOPS][A-Z]*")
_AMINO_DUMMY = re.compile(r"M[CN][A-Z]*|Q[A-Z]*|V|X|NV")  # mass and virtual sites, averages of several hydrogens


class Fit(Enum):
    """How well an element fits its residue and atom name."""

    GOOD = auto()
    ODD = auto()
    WRONG = auto()


def named_element(sort: ResidueClass, residue: str, atom: str) -> int:
    """The atomic number inferred from residue and atom name, 0 if they do not determine it."""
    letters = _letters(atom)
    if not letters:
        return 0
    if sort == _ION:
        return SYMBOLS.get(ion_symbol(residue, atom), 0)
    if sort == _WATER:
        return _ORGANIC[letters[0]] if letters[0] in "OHD" else 0
    if letters in COFACTORS.get(residue, ()) and sort == ResidueClass.COFACTOR:
        return SYMBOLS[letters]
    if sort == _AMINO:
        if letters[0] in "AX" and residue in ("ASX", "GLX"):
            return 7  # nitrogen or oxygen, undetermined
        if letters[0] == "S" and letters[:2] not in ("SD", "SG", "SE"):
            return 0  # SC1 is a coarse-grained side-chain bead
        return SYMBOLS["SE"] if letters == "SE" else _ORGANIC.get(letters[0], 0)
    if residue in TWO_HALVES and re.match(r"[AN][CNOP](?:[0-9*']|$)", atom):
        return _ORGANIC[atom[1]]
    number = _of_ligand(letters)
    return 0 if sort == _NUCLEOTIDE and number > _KRYPTON else number


def column_element(atom: str) -> int:
    """The atomic number of an atom in an unknown ligand whose name starts where two-letter symbols do (column 13 of PDB
    files), 0 if its first two letters are not an element that a ligand may contain.
    """
    number = SYMBOLS.get(_letters(atom)[:2], 0) if len(_letters(atom)) > 1 else 0
    return 0 if number in _NOBLE or number in _RADIOACTIVE else number


def is_dummy(sort: ResidueClass, atom: str, column: Fit) -> bool:
    """True for a massless site: a lone pair, a virtual site, a Drude particle. If the `column` fits, it is an atom,
    except in dummy residues and for the lone pair OM of CHARMM's four-site water.
    """
    letters = _letters(atom)
    if sort == ResidueClass.DUMMY or (sort == _WATER and letters == "OM"):
        return True
    if column != Fit.WRONG:
        return False
    if sort == _WATER:
        return letters[:1] not in ("O", "H", "D") or letters.startswith("DO")
    return bool(_DUMMY.fullmatch(letters) or (sort == _AMINO and _AMINO_DUMMY.fullmatch(letters)))


def fit(sort: ResidueClass, residue: str, atom: str, number: int, copied: bool) -> Fit:
    """Whether the element column's `number` is plausible for an atom.

    `copied`: elsewhere in the file, the column repeats the first letters of atom names.
    """
    letters = _letters(atom)
    if sort == _ION and ion_symbol(residue, atom):
        return _good(number == SYMBOLS[ion_symbol(residue, atom)])
    if number in _NOBLE or number > _HEAVIEST:
        return Fit.WRONG
    if sort == _WATER and number not in (1, 8):
        return Fit.ODD if letters.startswith(_SYMBOL_OF[number]) else Fit.WRONG
    if number in _ORGANIC.values():
        return _good(number != SYMBOLS["P"] or sort != _AMINO or letters.startswith("P"))
    if sort in (ResidueClass.LIGAND, _ION):
        return _fit_unknown(letters, number, copied)
    return _fit_known(sort, letters, number, copied, COFACTORS.get(residue.upper(), ()))


def _fit_unknown(letters: str, number: int, copied: bool) -> Fit:
    """The fit of an element in an unknown residue."""
    if copied and repeats_name(letters, number):
        return Fit.WRONG
    return Fit.ODD if letters == "FE" and number == SYMBOLS["F"] else Fit.GOOD


def _fit_known(sort: ResidueClass, letters: str, number: int, copied: bool, metals: tuple[str, ...]) -> Fit:
    """The fit of an element other than H, C, N, O, P and S in a residue of known chemistry."""
    if sort == ResidueClass.COFACTOR and letters in metals:
        return _good(letters == _SYMBOL_OF[number])  # F for FE is wrong
    doubtful = repeats_name(letters, number)
    if doubtful and (copied or sort in _STANDARD or _SYMBOL_OF[number] in _PLACES):
        return Fit.WRONG
    begins = letters.startswith(_SYMBOL_OF[number])
    if sort in _STANDARD:
        return Fit.WRONG if not begins else Fit.GOOD if number <= _KRYPTON else Fit.ODD
    if not begins:
        return _good(number in _HETERO_ATOMS)
    return Fit.ODD if doubtful and sort in _LIKE_POLYMERS else Fit.GOOD


def repeats_name(atom: str, number: int) -> bool:
    """True if an element may only be copied from the first two letters of a lighter atom's name: Cd from CD1."""
    symbol = _SYMBOL_OF[number]
    known = symbol in _TWO_LETTERS or symbol == "SE"
    return len(symbol) == 2 and symbol[0] in _ORGANIC and not known and _letters(atom).startswith(symbol)


def _good(condition: bool) -> Fit:
    return Fit.GOOD if condition else Fit.WRONG


def _letters(atom: str) -> str:
    """The letters of an atom name in capitals, up to the first digit or sign after them."""
    found = re.match(r"[^A-Z]*([A-Z]*)", atom.upper())
    return found[1] if found else ""


def _of_ligand(letters: str) -> int:
    if letters[:2] in _TWO_LETTERS or letters in _WHOLE_NAMES:
        return SYMBOLS[letters[:2]]
    if letters[0] == "A" and letters[1:2] in ("C", "N", "O", "P"):
        return _ORGANIC[letters[1]]  # of adenosine; no ligand contains actinium
    return _ORGANIC.get(letters[0]) or SYMBOLS.get(letters[0], 0)


_SYMBOL_OF = {number: symbol for symbol, number in SYMBOLS.items() if symbol != "D"}
_HETERO_ATOMS = frozenset(SYMBOLS[s] for s in ("B", "F", "SI", "CL", "BR", "I", "SE"))
_LIKE_POLYMERS = (
    ResidueClass.MODIFIED_AMINO,
    ResidueClass.AMINO_LIKE,
    ResidueClass.MODIFIED_NUCLEOTIDE,
    ResidueClass.NUCLEOTIDE_LIKE,
    ResidueClass.BOTH_LIKE,
)
