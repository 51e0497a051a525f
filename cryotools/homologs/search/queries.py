"""The sequences to search with: proteins, checked before anything runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from cryotools.core.errors import CryotoolsWarning, DataError, listing
from cryotools.core.structures.fasta import looks_nucleic

AMINO_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
_ALSO = "BJOUXZ"  # ambiguous ones, pyrrolysine and selenocysteine: engines know them


def protein_queries(sequences: Mapping[str, str]) -> dict[str, str]:
    """The protein sequences among `sequences`, in upper case and without blanks; nucleic acids are left out with a
    warning.

    Raises
    ------
    DataError
        A name has blanks, a sequence is empty or has letters of no amino acid, or none is a protein's.
    """
    proteins: dict[str, str] = {}
    nucleic: list[str] = []
    for name, text in sequences.items():
        if name.split() != [name]:
            raise DataError(f"sequence {name!r}: a name must be one word")
        letters = "".join(text.split()).upper().rstrip("*")
        if not letters:
            raise DataError(f"sequence {name}: is empty")
        odd = sorted(set(letters) - set(AMINO_LETTERS) - set(_ALSO))
        if odd:
            advice = "remove the gaps" if odd[0] in "-." else "give one-letter codes"
            raise DataError(f"sequence {name}: {odd[0]} stands for no amino acid; {advice}")
        if looks_nucleic(letters):
            nucleic.append(name)
        else:
            proteins[name] = letters
    if not proteins:
        found = f"{listing(nucleic)} {'is' if len(nucleic) == 1 else 'are'} RNA or DNA; " if nucleic else ""
        raise DataError(f"none of the sequences is that of a protein: {found}give at least one")
    if nucleic:
        warnings.warn(f"RNA or DNA is left out: {listing(nucleic)}", CryotoolsWarning, stacklevel=3)
    return proteins


def known_letters(letters: str) -> str:
    """A database's sequence as engines take it: upper case, X for anything that stands for no amino acid."""
    upper = letters.upper()
    if set(upper) <= set(AMINO_LETTERS):
        return upper
    return "".join(letter if letter in AMINO_LETTERS or letter in _ALSO else "X" for letter in upper)
