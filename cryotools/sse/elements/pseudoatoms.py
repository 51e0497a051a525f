"""Elements as rows of a table and as pseudo-atoms for molecular viewers."""

from __future__ import annotations

from typing import Any

import numpy as np

from cryotools.core.structures.structure import LIGAND, Structure
from cryotools.sse.elements.find import RISE, Element, along_longest
from cryotools.sse.truth.assign import CLASS_NAMES, HELIX, SHEET

ELEMENT_COLUMNS = (
    *("element", "class", "chain", "first_residue", "last_residue", "length_A", "residues_expected", "confidence"),
    *(f"{of}{axis}_A" for of in ("start_", "end_", "") for axis in "xyz"),
)
REMARKS = (
    "Pseudo-atoms where annotate-sse of cryotools sees secondary structure.",
    "Chain H, residues HLX: axes of helices, a point every 1.5 A, bonded. Chain S, residues SHT: points of sheets.",
    "B factors are confidence x 100: 100 times the mean probability of the class around each point, 50 to 100.",
)

_CHAINS = {HELIX: "H", SHEET: "S"}
_RESIDUES = {HELIX: "HLX", SHEET: "SHT"}
_RESIDUES_PER_POINT = 0.63  # of a sheet: 403 residues for 642 points in the labels of 9 experimental maps


def element_rows(elements: list[Element]) -> list[dict[str, Any]]:
    """A table with a row per element, in the order and with the chains and residue numbers of `element_structure`.

    Start and end are those of a helix axis, or the two points of a sheet that are farthest apart along its longest
    extent. The number of residues expected is one per 1.5 Å of a helix (this matches the labels of 9 experimental maps)
    and 0.63 per point of a sheet.
    """
    rows = []
    for number, (element, residues) in enumerate(zip(elements, _residue_numbers(elements), strict=True), start=1):
        start, end = _ends(element)
        places = {"start_": start, "end_": end, "": element.points.mean(axis=0)}
        rows.append(
            {
                "element": number,
                "class": CLASS_NAMES[element.which],
                "chain": _CHAINS[element.which],
                "first_residue": int(residues[0]),
                "last_residue": int(residues[-1]),
                "length_A": element.length,
                "residues_expected": _residues_expected(element),
                "confidence": float(element.confidence.mean()),
                **{f"{of}{x}_A": float(at) for of, xyz in places.items() for x, at in zip("xyz", xyz, strict=True)},
            }
        )
    return rows


def element_structure(elements: list[Element], name: str = "") -> Structure:
    """The points of all elements as pseudo-atoms, each the CA of a residue, with confidence × 100 as B factor.

    Helices are chain H (residues HLX), sheets chain S (SHT); one residue number is skipped between elements.
    """
    count = [len(element.points) for element in elements]
    n = sum(count)
    which = np.repeat([element.which for element in elements], count).astype(int)
    blank = np.full(n, "")
    return Structure(
        xyz=np.concatenate([np.zeros((0, 3)), *(element.points for element in elements)]),
        element=np.full(n, 6, dtype=np.uint8),
        atom_name=np.full(n, "CA"),
        residue_name=np.array([_RESIDUES[one] for one in which], dtype="U3"),
        chain=np.array([_CHAINS[one] for one in which], dtype="U1"),
        residue_number=np.concatenate([np.zeros(0), *_residue_numbers(elements)]).astype(np.int32),
        insertion_code=blank,
        altloc=blank,
        occupancy=np.ones(n, dtype=np.float32),
        b_factor=np.concatenate([np.zeros(0), *(100 * element.confidence for element in elements)]).astype(np.float32),
        hetero=np.ones(n, dtype=bool),
        kind=np.full(n, LIGAND, dtype=np.uint8),
        model=np.ones(n, dtype=np.int32),
        name=name,
    )


def axis_bonds(elements: list[Element]) -> list[tuple[int, int]]:
    """Pairs of neighbours on helix axes, as indices of pseudo-atoms."""
    bonds, first = [], 0
    for element in elements:
        count = len(element.points)
        if element.which == HELIX:
            bonds += [(first + at, first + at + 1) for at in range(count - 1)]
        first += count
    return bonds


def _residue_numbers(elements: list[Element]) -> list[np.ndarray]:
    following = dict.fromkeys(_CHAINS, 1)
    numbers = []
    for element in elements:
        numbers.append(following[element.which] + np.arange(len(element.points)))
        following[element.which] += len(element.points) + 1
    return numbers


def _ends(element: Element) -> tuple[np.ndarray, np.ndarray]:
    if element.which == HELIX:
        return element.points[0], element.points[-1]
    along = along_longest(element.points)
    return element.points[np.argmin(along)], element.points[np.argmax(along)]


def _residues_expected(element: Element) -> int:
    if element.which == HELIX:
        return round(element.length / RISE)
    return max(1, round(_RESIDUES_PER_POINT * len(element.points)))
