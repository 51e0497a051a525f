"""Names of chains and residues of models that are built."""

from __future__ import annotations

from string import ascii_uppercase

import gemmi

from cryotools.anchors.labels import AMINO_ACIDS

UNKNOWN = "UNK"
_NAMES = dict(zip(AMINO_ACIDS, gemmi.expand_one_letter_sequence(AMINO_ACIDS, gemmi.ResidueKind.AA), strict=True))


def residue_names(letters: str) -> list[str]:
    """Three-letter names of one-letter codes; UNK for all but the twenty amino acids."""
    return [_NAMES.get(one, UNKNOWN) for one in letters]


def chain_name(number: int) -> str:
    """The name of the chain `number`, from 0: A to Z, then AA, AB, …"""
    name, left = "", number + 1
    while left:
        left, digit = divmod(left - 1, len(ascii_uppercase))
        name = ascii_uppercase[digit] + name
    return name
