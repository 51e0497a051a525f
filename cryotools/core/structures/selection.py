"""A small language for selecting atoms: `chain A,B and residue 10-50 and not water`.

Terms
    chain A,B            chain ids ( _ is the blank chain)
    residue 10-50,60     residue numbers and ranges, both ends included
    resname HEM,ZN       residue names
    atom CA,N            atom names
    element C,FE         chemical symbols
    altloc A             alternate location ( _ for none)
    protein nucleic polymer ligand water hydrogen hetero backbone all
Chain ids and residue numbers are the author's (auth_), as in PDB files and publications. Keywords are not
case-sensitive. Terms combine with `not`, `and`, `or` (in that order of precedence) and parentheses.
"""

from __future__ import annotations

import re

import gemmi
import numpy as np

from cryotools.core.errors import ArgumentError, DataError, UsageError
from cryotools.core.structures.structure import LIGAND, NUCLEIC, PROTEIN, WATER, Structure

PROTEIN_BACKBONE = ("N", "CA", "C", "O")
NUCLEIC_BACKBONE = ("P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "O2'", "C1'")
_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")

_WORDS = {
    "all": lambda s: np.ones(len(s), dtype=bool),
    "protein": lambda s: s.kind == PROTEIN,
    "nucleic": lambda s: s.kind == NUCLEIC,
    "polymer": lambda s: (s.kind == PROTEIN) | (s.kind == NUCLEIC),
    "ligand": lambda s: s.kind == LIGAND,
    "water": lambda s: s.kind == WATER,
    "hydrogen": lambda s: s.element == 1,
    "hetero": lambda s: s.hetero,
    "backbone": lambda s: (
        ((s.kind == PROTEIN) & np.isin(s.atom_name, PROTEIN_BACKBONE))
        | ((s.kind == NUCLEIC) & np.isin(s.atom_name, NUCLEIC_BACKBONE))
    ),
}
_COLUMNS = {"chain": "chain", "resname": "residue_name", "atom": "atom_name", "altloc": "altloc"}


def in_chains(structure: Structure, chains: tuple[str, ...]) -> np.ndarray:
    """Mask (n,) of the atoms in `chains`; `_` is the blank chain.

    Raises
    ------
    UsageError
        No chain is named.
    DataError
        A chain does not exist.
    """
    wanted = {"" if chain.strip() == "_" else chain.strip() for chain in chains}
    if not chains or (wanted == {""} and "_" not in "".join(chains)):
        raise UsageError("`chains` names no chain; give chain IDs such as A,B")
    present = set(np.unique(structure.chain).tolist())
    missing = sorted(wanted - present)
    if missing:
        there = ", ".join(sorted(chain or "_" for chain in present)[:20])
        named = ", ".join(chain or "_" for chain in missing)
        raise DataError(f"{structure.name}: has no chain {named}; it has {there}")
    return np.isin(structure.chain, sorted(wanted))


def chosen(structure: Structure, chains: tuple[str, ...] | None, text: str | None) -> np.ndarray:
    """Mask (n,) of the atoms in `chains` that `text` selects; None selects everything.

    Raises
    ------
    UsageError
        The text does not follow the grammar.
    DataError
        A chain does not exist.
    """
    keep = np.ones(len(structure), dtype=bool) if chains is None else in_chains(structure, chains)
    return keep if text is None else keep & select(structure, text)


def select(structure: Structure, text: str) -> np.ndarray:
    """Mask (n,) of the atoms that `text` selects.

    Raises
    ------
    UsageError
        The text does not follow the grammar.
    """
    parser = _Parser(structure, text)
    mask = parser.any_of()
    if parser.tokens:
        raise parser.error(f"'{parser.tokens[0]}' is not expected here")
    return mask


class _Parser:
    """Recursive-descent parser over the tokens: any_of > all_of > term."""

    def __init__(self, structure: Structure, text: str) -> None:
        self.structure = structure
        self.text = text
        # blanks after the commas of a list are ignored; keywords are not case-sensitive
        self.tokens = _TOKEN.findall(re.sub(r",\s+", ",", text))
        if not self.tokens:
            raise self.error("there is no term")

    def any_of(self) -> np.ndarray:
        mask = self.all_of()
        while self._take("or"):
            mask = mask | self.all_of()
        return mask

    def all_of(self) -> np.ndarray:
        mask = self.term()
        while self._take("and"):
            mask = mask & self.term()
        return mask

    def term(self) -> np.ndarray:
        if self._take("not"):
            return ~self.term()
        if self._take("("):
            mask = self.any_of()
            if not self._take(")"):
                raise self.error("a parenthesis is not closed")
            return mask
        word = self._next("a term").lower()
        if word in _WORDS:
            return _WORDS[word](self.structure)
        if word in _COLUMNS:
            wanted = ["" if item == "_" else item for item in self._items(word)]
            return np.isin(getattr(self.structure, _COLUMNS[word]), wanted)
        if word == "element":
            return np.isin(self.structure.element, [self._element(item) for item in self._items(word)])
        if word in ("residue", "resid"):
            return self._residues(self._items(word))
        raise self.error(f"'{word}' is not a term")

    def _residues(self, items: list[str]) -> np.ndarray:
        mask = np.zeros(len(self.structure), dtype=bool)
        for item in items:
            found = re.fullmatch(r"(-?\d+)(?:-(-?\d+))?", item)
            if not found:
                raise self.error(f"'{item}' is not a residue number or a range such as 10-50")
            low = int(found[1])
            high = int(found[2]) if found[2] else low
            mask |= (self.structure.residue_number >= low) & (self.structure.residue_number <= high)
        return mask

    def _element(self, item: str) -> int:
        number = gemmi.Element(item.capitalize()).atomic_number
        if number == 0:
            raise self.error(f"'{item}' is not an element")
        return number

    def _items(self, word: str) -> list[str]:
        what = f"a list after '{word}'"
        items = [item for item in self._next(what).split(",") if item]
        if not items or items[0] in ("(", ")"):
            raise self.error(f"{what} is missing")
        return items

    def _take(self, token: str) -> bool:
        if self.tokens and self.tokens[0].lower() == token:
            self.tokens.pop(0)
            return True
        return False

    def _next(self, what: str) -> str:
        if not self.tokens:
            raise self.error(f"{what} is missing at the end")
        return self.tokens.pop(0)

    def error(self, why: str) -> UsageError:
        return ArgumentError("selection", f"'{self.text}'", why)
