"""Elements: from gemmi's numbering to atomic numbers, and from atom names where a file does not say."""

from __future__ import annotations

import warnings

import gemmi
import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError

HEAVIEST = 98  # californium: the last element with tabulated electron scattering factors

# FlatStructure numbers elements as gemmi's enumeration does: atomic numbers up to 118, then deuterium
ELEMENT_NUMBERS = np.array([*range(119), 1] + [0] * 136, dtype=np.uint8)

_ORGANIC = {"H": 1, "D": 1, "C": 6, "N": 7, "O": 8, "P": 15, "S": 16}


def guess_element(atom_name: str, residue_name: str) -> int:
    """Atomic number told from an atom's name, 0 where it cannot be.

    Inside residues of proteins and nucleic acids the first letter after any digits decides (CA is a carbon); an
    ion carries its element as its residue name (ZN in ZN).
    """
    letters = atom_name.lstrip("0123456789'\"*").upper()
    residue = gemmi.find_tabulated_residue(residue_name)
    if letters and letters == residue_name.upper():
        return ELEMENT_NUMBERS[gemmi.Element(letters.capitalize()).atomic_number]
    if residue.is_amino_acid() or residue.is_nucleic_acid() or residue.is_water():
        return 34 if letters.startswith("SE") else _ORGANIC.get(letters[:1], 0)
    two, one = gemmi.Element(letters[:2].capitalize()), _ORGANIC.get(letters[:1], 0)
    return one or two.atomic_number or gemmi.Element(letters[:1]).atomic_number


def symbol(number: int) -> str:
    """Chemical symbol of an atomic number."""
    return gemmi.Element(int(number)).name


def decide_elements(
    number: np.ndarray, atom_name: np.ndarray, residue_name: np.ndarray, name: str, skip_unknown: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers (n,) with the missing ones guessed from names, and a mask of those that stay unknown."""
    number = ELEMENT_NUMBERS[number]
    missing = np.flatnonzero(number == 0)
    for at in missing:
        number[at] = guess_element(str(atom_name[at]), str(residue_name[at]))
    unknown = number == 0
    guessed = len(missing) - int(unknown.sum())
    if guessed:
        warnings.warn(
            f"{name}: the element of {guessed} atoms was told from their names", CryotoolsWarning, stacklevel=5
        )
    if unknown.any():
        first = int(np.flatnonzero(unknown)[0])
        shown = f"{residue_name[first]} {atom_name[first]}"
        where = f"{int(unknown.sum())} atoms are of an unknown element (the first: {shown})"
        if not skip_unknown:
            raise DataError(f"{name}: {where}; mend the element column, or give struc2map --skip-unknown")
        warnings.warn(f"{name}: {where}; left out", CryotoolsWarning, stacklevel=5)
    return number, unknown
