"""Ideal bond lengths, angles, planes and chiral volumes of the twenty amino acids and of the peptide bond.

Lengths and angles are those of R. Engh and R. Huber (Acta Cryst. A47, 392, 1991; International Tables F, 18.3, 2001),
in ideal.csv: for each residue a bond of two atoms or an angle of three. A residue that begins with + is what follows a
peptide bond (* any), whose atoms begin with + as well.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

ANY, NEXT, CIS_PROLINE = "*", "+", "cis-PRO"


@dataclass(frozen=True)
class Ideal:
    """Atoms by name, `+` before those of the next residue, and the ideal value between them: Å, degrees or Å³."""

    atoms: tuple[str, ...]
    value: float
    sigma: float


_RING = ("CG", "CD1", "CD2", "CE1", "CE2", "CZ")
PLANES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ARG": ("CD", "NE", "CZ", "NH1", "NH2"),
        "ASN": ("CB", "CG", "OD1", "ND2"),
        "ASP": ("CB", "CG", "OD1", "OD2"),
        "GLN": ("CG", "CD", "OE1", "NE2"),
        "GLU": ("CG", "CD", "OE1", "OE2"),
        "HIS": ("CB", "CG", "ND1", "CD2", "CE1", "NE2"),
        "PHE": ("CB", *_RING),
        "TRP": ("CB", "CG", "CD1", "CD2", "NE1", "CE2", "CE3", "CZ2", "CZ3", "CH2"),
        "TYR": ("CB", *_RING, "OH"),
    }
)
PEPTIDE_PLANE = ("CA", "C", "O", "+N")
PLANE_SIGMA = 0.02  # Å from the plane
_CHIRAL_SIGMA = 0.2  # Å³
_MIRRORED = Ideal(("CA", "N", "C", "CB"), 2.5, _CHIRAL_SIGMA)
# the centre and three of its neighbours: the volume is (a - centre) · (b - centre) × (c - centre)
CHIRAL: Mapping[str, tuple[Ideal, ...]] = MappingProxyType(
    {
        ANY: (_MIRRORED,),
        "GLY": (),
        "ILE": (_MIRRORED, Ideal(("CB", "CA", "CG1", "CG2"), 2.6, _CHIRAL_SIGMA)),
        "THR": (_MIRRORED, Ideal(("CB", "CA", "OG1", "CG2"), 2.5, _CHIRAL_SIGMA)),
        # named by convention, as the atoms are alike
        "VAL": (_MIRRORED, Ideal(("CB", "CA", "CG1", "CG2"), -2.6, _CHIRAL_SIGMA)),
        "LEU": (_MIRRORED, Ideal(("CG", "CB", "CD1", "CD2"), -2.6, _CHIRAL_SIGMA)),
    }
)


@cache
def ideal_values() -> Mapping[str, tuple[Ideal, ...]]:
    """Bonds (two atoms) and angles (three) of each residue, and of peptide bonds by what follows (`+PRO`, `+*`)."""
    found: dict[str, list[Ideal]] = {}
    with (files("cryotools.modelling.geometry") / "ideal.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            ideal = Ideal(tuple(row["atoms"].split("-")), float(row["ideal"]), float(row["sigma"]))
            found.setdefault(row["residue"], []).append(ideal)
    return MappingProxyType({name: tuple(ideals) for name, ideals in found.items()})


def peptide_ideals(following: str) -> tuple[Ideal, ...]:
    """Bonds and angles of the peptide bond before the residue `following`, which may be `cis-PRO`."""
    values = ideal_values()
    names = [NEXT + ANY, *([NEXT + "PRO"] if following == CIS_PROLINE else []), NEXT + following]
    return tuple({one.atoms: one for name in names for one in values.get(name, ())}.values())
