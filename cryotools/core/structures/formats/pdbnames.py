"""Four-letter residue names in PDB text, as written by CHARMM, GROMACS and Amber (POPC, TIP3, LYSH).

They end in column 21, where gemmi expects the first letter of a two-letter chain id; which one it is is inferred from
the file.
"""

from __future__ import annotations

from itertools import product

import gemmi
import numpy as np

from cryotools.core.structures.formats.pdblines import PdbLines

_NAME, _CHAIN = 17, 21  # first columns, counted from 0
# names whose first three letters are an amino acid or cofactor, so the fourth could equally be a chain id
_FOUR = {
    *(f"HIS{letter}" for letter in "ABDEHP12"),
    *(f"CYS{letter}" for letter in "DHPS12"),
    *("ARGN", "ASPH", "ASPP", "GLUH", "GLUP", "LYSH", "LYSN", "LYSP", "TRPH", "HEME", "TIP3", "TIP4", "TIP5"),
}
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def stand_in_for_long_names(lines: PdbLines, columns: np.ndarray) -> bytes:
    """Replace residue names of four or five letters by three-letter aliases, and return the HETNAM records for them.

    Parameters
    ----------
    columns : (n, WIDTH), of `lines.atoms`
    """
    name = columns[:, _NAME : _CHAIN + 1]
    at = np.flatnonzero((columns[:, _CHAIN - 1] != ord(" ")) & (name[:, :3] != ord(" ")).all(axis=1))
    if not len(at):
        return b""
    keys = name[at].astype(np.uint64) @ (np.uint64(256) ** np.arange(5, dtype=np.uint64))
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    texts = [name[at[row]].tobytes().decode("latin-1") for row in first]
    free = (f"^{a}{b}" for a, b in product(_DIGITS, _DIGITS))  # gemmi itself abbreviates with ~
    alias: dict[str, str] = {}
    for number, (text, length) in enumerate(zip(texts, _lengths(texts), strict=True)):
        if length > 3 and (short := alias.get(text[:length]) or alias.setdefault(text[:length], next(free, ""))):
            chain = text[length:].rjust(2)
            lines.put(lines.atoms[at[which == number]], _NAME, (short + chain).encode("latin-1"))
    records = [f"HETNAM     {short}".ljust(71) + long + "\n" for long, short in alias.items() if short]
    return "".join(records).encode("latin-1")


def _lengths(texts: list[str]) -> list[int]:
    """Length of the residue name in each text (columns 18 to 22)."""
    residues: dict[str, set[str]] = {}  # by the potential two-letter chain id
    for text in texts:
        residues.setdefault(text[3:], set()).add(text[:3])
    known = {chain for chain, names in residues.items() if all(name + chain[0] in _FOUR for name in names)}
    polymer = {chain for chain, names in residues.items() if chain not in known and any(map(_is_polymer, names))}
    long_chains = any(chain[1] != " " for chain in polymer)
    lengths = []
    for text in texts:
        name, chain = text[:3], text[3:]
        if chain in known:
            lengths.append(4)
        elif chain in polymer:
            lengths.append(3)
        elif chain[1] == " ":
            lengths.append(4)
        elif long_chains or gemmi.find_tabulated_residue(name).found():
            lengths.append(3)
        else:
            lengths.append(5 if text.startswith("A1") and text.isalnum() else 4)
    return lengths


def _is_polymer(name: str) -> bool:
    residue = gemmi.find_tabulated_residue(name)
    return residue.is_standard() and not residue.is_water()  # codes of rare ones start lipid names, as in DSPC
