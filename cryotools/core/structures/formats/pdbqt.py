"""Convert PDBQT, the format of AutoDock and Vina, to PDB text.

Lines are as in PDB up to the B factor, followed by a partial charge in columns 71-76 and the AutoDock atom type in
columns 78-79, where PDB has the element and charge: A, an aromatic carbon; NA, a nitrogen that accepts hydrogen bonds;
CL.
"""

from __future__ import annotations

import re

import numpy as np

from cryotools.core.structures.chemistry.residueclass import SYMBOLS
from cryotools.core.structures.formats.pdblines import PdbLines, record_code

_TREE = [record_code(word) for word in ("ROOT", "ENDR", "BRAN", "ENDB", "TORS")]
_CHARGE = re.compile(rb" *[+-]?\d+\.\d{3} *")
_CHARGES, _BEFORE, _TYPES = slice(69, 76), 76, slice(77, 79)
# AutoDock 4 and Vina types whose first letters are not the element symbol; G, J, Q are ring-closure carbons
_ELEMENTS = {
    **dict.fromkeys(("HD", "HS"), "H"),
    **dict.fromkeys(("A", "G", "GA", "J", "Q", "CG"), "C"),
    **dict.fromkeys(("NA", "NS", "NX"), "N"),
    **dict.fromkeys(("OA", "OS", "OX", "W"), "O"),
    "SA": "S",
}


def elements_for_types(lines: PdbLines) -> None:
    """If the text is PDBQT, replace atom types by elements in columns 77-78; blank for types without an element."""
    if not _is_pdbqt(lines):
        return
    atoms = lines.atoms[lines.length(lines.atoms) > _TYPES.start]
    types = lines.columns(atoms)[:, _TYPES]
    types[lines.length(atoms) < _TYPES.stop, 1] = ord(" ")
    distinct, which = np.unique(np.ascontiguousarray(types).view(np.uint16).ravel(), return_inverse=True)
    symbols = np.frombuffer(b"".join(_element(one.tobytes()).rjust(2) for one in distinct), np.uint8).reshape(-1, 2)
    lines.put(atoms, _TYPES.start - 1, symbols[which])
    lines.put(atoms[lines.length(atoms) >= _TYPES.stop], _TYPES.stop - 1, b" ")


def _is_pdbqt(lines: PdbLines) -> bool:
    """True for text with torsion-tree records, or with charges and atom types in AutoDock's columns."""
    if np.isin(lines.record, _TREE).any():
        return True
    first = [lines.part(at, at + 1).rstrip() for at in lines.atoms[:50]]
    return all(_CHARGE.fullmatch(line[_CHARGES]) and re.fullmatch(rb" [A-Za-z]\w?", line[_BEFORE:]) for line in first)


def _element(column: bytes) -> bytes:
    """The element symbol of an AutoDock atom type, '' if it has none."""
    kind = column.decode("ascii", "replace").strip()
    found = _ELEMENTS.get(kind, kind.upper())
    return found.encode() if found in SYMBOLS else b""
