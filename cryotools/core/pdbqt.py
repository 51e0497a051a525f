"""PDBQT, the files of AutoDock and Vina, as PDB text.

They are PDB lines up to the B factor; then a partial charge stands in columns 71-76 and the type of AutoDock's force
field in columns 78-79, where PDB has the element and a charge: A, an aromatic carbon; NA, a nitrogen that accepts
hydrogen bonds; CL.
"""

from __future__ import annotations

import re

import numpy as np

from cryotools.core.pdbtext import AtomLines
from cryotools.core.residueclass import SYMBOLS

_TREE = re.compile(rb"(?m)^(?:ROOT|ENDROOT|BRANCH|ENDBRANCH|TORSDOF)\b")
_CHARGE = re.compile(rb"[ +-]*\d*\.\d+ *")
_NEAR = 5000  # bytes from the ends of a text where records of the tree are looked for
_CHARGES, _TYPES = slice(70, 76), slice(77, 79)
# types of AutoDock 4 and Vina whose first letters are not their element's symbol; G, J, Q close rings with a carbon
_ELEMENTS = {
    **dict.fromkeys(("HD", "HS"), "H"),
    **dict.fromkeys(("A", "G", "GA", "J", "Q", "CG"), "C"),
    **dict.fromkeys(("NA", "NS", "NX"), "N"),
    **dict.fromkeys(("OA", "OS", "OX", "W"), "O"),
    "SA": "S",
}


def is_pdbqt(content: bytes, atoms: AtomLines) -> bool:
    """True for PDB text with records of a torsion tree, or charges and types in the places where AutoDock has them."""
    if _TREE.search(content[:_NEAR]) or _TREE.search(content[-_NEAR:]):
        return True
    lines = [content[start : start + length] for start, length in zip(atoms.start[:50], atoms.length[:50], strict=True)]
    return all(
        _CHARGE.fullmatch(line[_CHARGES]) and line[76:77] == b" " and line[_TYPES].strip().isalnum() for line in lines
    )


def pdbqt_elements(content: bytes, atoms: AtomLines) -> bytes:
    """The text, as long as it was, with elements in columns 77-78 in place of types, blank where a type has none."""
    text = np.frombuffer(content, np.uint8).copy()
    atoms = atoms[atoms.length > _TYPES.start]
    types = np.full((len(atoms.start), 2), ord(" "), dtype=np.uint8)
    for column in range(2):
        reaching = atoms.length > _TYPES.start + column
        at = atoms.start[reaching] + _TYPES.start + column
        types[reaching, column] = text[at]
        text[at] = ord(" ")
    distinct, which = np.unique(types.view(np.uint16).ravel(), return_inverse=True)
    symbols = b"".join(_element(one.tobytes()).rjust(2) for one in distinct)
    columns = np.frombuffer(symbols, np.uint8).reshape(-1, 2)
    text[atoms.start[:, None] + np.arange(_TYPES.start - 1, _TYPES.stop - 1)] = columns[which]
    return text.tobytes()


def _element(column: bytes) -> bytes:
    """The symbol of the element that a type of AutoDock is of, '' for none."""
    kind = column.decode("ascii", "replace").strip()
    found = _ELEMENTS.get(kind, kind.upper())
    return found.encode() if found in SYMBOLS else b""
