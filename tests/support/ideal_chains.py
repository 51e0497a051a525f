"""Protein chains of ideal geometry, built from torsion angles, for tests of what is measured on models."""

from __future__ import annotations

import numpy as np

from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.modelling.geometry.measure import placed_atoms

# Engh and Huber, Å and degrees
_N_CA, _CA_C, _C_N, _C_O, _CA_CB = 1.459, 1.525, 1.336, 1.229, 1.530
_N_CA_C, _CA_C_N, _C_N_CA, _CA_C_O = 111.0, 117.2, 121.7, 120.1
NAMES = {
    **{"A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY", "H": "HIS"},
    **{"I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER", "T": "THR", "W": "TRP"},
    **{"Y": "TYR", "V": "VAL", "X": "UNK"},
}
HELIX, STRAND = (-62.0, -43.0), (-120.0, 130.0)


def backbone(count: int, phi: float, psi: float, omega: float = 180.0) -> np.ndarray:
    """N, CA, C, O and CB of `count` residues, (count, 5, 3)."""

    def put(a, b, c, length, angle, torsion):
        one = [np.array([value]) for value in (length, angle, torsion)]
        return placed_atoms(a[None], b[None], c[None], *one)[0]

    turn = np.radians(_N_CA_C)
    n, ca = np.zeros(3), np.array([_N_CA, 0.0, 0.0])
    c = ca + _CA_C * np.array([-np.cos(turn), np.sin(turn), 0.0])
    found = []
    for _ in range(count):
        after = put(n, ca, c, _C_N, _CA_C_N, psi)
        o = put(after, ca, c, _C_O, _CA_C_O, 180.0)
        seen = [put(n, c, ca, _CA_CB, 110.1, 122.8), put(c, n, ca, _CA_CB, 110.5, -122.6)]
        cb = np.mean(seen, axis=0) - ca
        found.append([n, ca, c, o, ca + cb * _CA_CB / np.linalg.norm(cb)])
        following = put(ca, c, after, _N_CA, _C_N_CA, omega)
        n, ca, c = after, following, put(c, after, following, _CA_C, _N_CA_C, phi)
    return np.array(found)


def chain(
    letters: str, phi: float = HELIX[0], psi: float = HELIX[1], omega: float = 180.0, name: str = "A", shift=(0, 0, 0)
) -> Structure:
    """A chain of these residues with N, CA, C, O and, but for glycine, CB."""
    names = [NAMES[letter] for letter in letters]
    return of_backbone(backbone(len(letters), phi, psi, omega) + np.array(shift, dtype=float), names, name)


def of_backbone(points: np.ndarray, names: list[str], chain_name: str = "A", first: int = 1) -> Structure:
    """The structure of N, CA, C, O and CB at `points` (n, 5, 3), residues numbered from `first`."""
    atoms = np.array(["N", "CA", "C", "O", "CB"])
    keep = np.array([[atom != "CB" or name != "GLY" for atom in atoms] for name in names]).reshape(-1)
    count = len(names)
    per_atom = {
        "xyz": points.reshape(-1, 3),
        "element": np.tile([7, 6, 6, 8, 6], count).astype(np.uint8),
        "atom_name": np.tile(atoms, count),
        "residue_name": np.repeat(names, 5),
        "chain": np.full(5 * count, chain_name),
        "residue_number": np.repeat(np.arange(first, first + count), 5).astype(np.int32),
        "insertion_code": np.full(5 * count, ""),
        "altloc": np.full(5 * count, ""),
        "occupancy": np.ones(5 * count, dtype=np.float32),
        "b_factor": np.full(5 * count, 20, dtype=np.float32),
        "hetero": np.zeros(5 * count, dtype=bool),
        "kind": np.full(5 * count, PROTEIN, dtype=np.uint8),
        "model": np.ones(5 * count, dtype=np.int32),
    }
    return Structure(**{key: value[keep] for key, value in per_atom.items()}, name="ideal.pdb")


def ca_trace(xyz: np.ndarray, letters: str, name: str = "A") -> Structure:
    """A model of Cα atoms (n, 3) alone."""
    points = np.repeat(np.asarray(xyz, dtype=float)[:, None], 5, axis=1)
    whole = of_backbone(points, [NAMES[letter] for letter in letters], name)
    return whole[whole.atom_name == "CA"]
