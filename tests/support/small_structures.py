"""Small PDB files made of a few atoms, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np


@dataclass(frozen=True)
class A:
    """One atom; `xyz` in Å to three decimals, as PDB text holds it."""

    element: str
    xyz: tuple[float, float, float]
    name: str = ""
    residue: str = "ALA"
    chain: str = "A"
    number: int = 1
    altloc: str = " "
    occupancy: float = 1.0
    b_factor: float = 20.0
    hetero: bool = False


def pdb_line(atom: A, serial: int) -> str:
    name = (atom.name or atom.element).upper()
    padded = f"{name:<4}" if len(atom.element) == 2 or len(name) == 4 else f" {name:<3}"
    x, y, z = atom.xyz
    return (
        f"{'HETATM' if atom.hetero else 'ATOM':<6}{serial:5d} {padded}{atom.altloc}{atom.residue:>3} {atom.chain}"
        f"{atom.number:4d}    {x:8.3f}{y:8.3f}{z:8.3f}{atom.occupancy:6.2f}{atom.b_factor:6.2f}"
        f"          {atom.element.upper():>2}"
    )


def write_pdb(path: Path, *models: Iterable[A], header: Iterable[str] = ()) -> Path:
    """Write one model, or several between MODEL and ENDMDL; `header` holds whole lines."""
    lines = list(header)
    for number, model in enumerate(models, 1):
        atoms = [pdb_line(atom, serial) for serial, atom in enumerate(model, 1)]
        lines += atoms if len(models) == 1 else [f"MODEL     {number:4d}", *atoms, "ENDMDL"]
    path.write_text("\n".join([*lines, "END", ""]))
    return path


def dozen(seed: int = 0, centre=(20.0, -30.0, 5.0), spread: float = 5.0) -> list[A]:
    """Twelve atoms of common elements at random places, each a residue of its own."""
    rng = np.random.default_rng(seed)
    elements = ["C", "N", "O", "S", "P", "H", "C", "C", "N", "O", "C", "O"]
    places = np.round(rng.uniform(-spread, spread, (12, 3)) + centre, 3)
    return [
        A(element, tuple(float(v) for v in xyz), number=number, residue="GLY")
        for number, (element, xyz) in enumerate(zip(elements, places, strict=True), 1)
    ]


def positions(atoms: Iterable[A]) -> np.ndarray:
    return np.array([atom.xyz for atom in atoms])


def numbers(atoms: Iterable[A]) -> np.ndarray:
    return np.array([gemmi.Element(atom.element).atomic_number for atom in atoms], dtype=float)
