"""Standard one-letter codes of residues, including force-field names; modified residues have their parent's."""

from __future__ import annotations

import re

import gemmi
import numpy as np

from cryotools.core.structures.chemistry.residuetables import AMINO_ACIDS, NUCLEOTIDES
from cryotools.core.structures.structure import NUCLEIC, PROTEIN

UNKNOWN = {PROTEIN: "X", NUCLEIC: "N"}
_FORCE_FIELDS = {  # by the first letters of the names in AMINO_ACIDS
    **{"HS": "H", "HI": "H", "CY": "C", "AS": "D", "GL": "E", "LY": "K", "LS": "K", "AR": "R", "TY": "Y", "IL": "I"}
}
_NUCLEOTIDE = re.compile(r"[RD]?([ACGUT])[35N]?")


def one_letter(name: str, kind: int) -> str:
    """The one-letter code of a residue name; X for unknown amino acids, N for unknown nucleotides, '' for others."""
    if kind not in UNKNOWN:
        return ""
    found = gemmi.find_tabulated_residue(name)
    if (found.is_amino_acid() if kind == PROTEIN else found.is_nucleic_acid()) and found.one_letter_code.strip():
        return found.one_letter_code.upper()
    upper = name.upper()
    if kind == PROTEIN:
        return _FORCE_FIELDS.get(upper[:2], "X") if upper in AMINO_ACIDS else "X"
    if not NUCLEOTIDES.fullmatch(upper):
        return "N"
    short = _NUCLEOTIDE.fullmatch(upper)
    return short[1] if short else upper[0]


def one_letters(names: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """The one-letter codes (m,) of residues with `names` and `kinds`, both (m,)."""
    letters = np.full(len(names), "", dtype="<U1")
    for kind in UNKNOWN:
        of_kind = kinds == kind
        unique, which = np.unique(names[of_kind], return_inverse=True)
        letters[of_kind] = np.array([one_letter(str(name), kind) for name in unique], dtype="<U1")[which]
    return letters
