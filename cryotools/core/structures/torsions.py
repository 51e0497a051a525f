"""Torsion angles: of any four points, and of the backbones of proteins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.structures.residues import Residues

_N, _CA, _C = range(3)


@dataclass(frozen=True)
class BackboneTorsions:
    """Torsion angles (m,) in degrees of the residues of a structure, NaN where an atom or a neighbour is missing.

    `phi` and `psi` are Ramachandran's; `omega` is that of the peptide bond between a residue and the one before it
    (CA, C, N, CA): 180 is trans, 0 cis.
    """

    phi: np.ndarray
    psi: np.ndarray
    omega: np.ndarray


def torsion_angles(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """The torsion angles (n,) in degrees of points (n, 3): from a to d seen along b → c, clockwise positive."""
    along, first, last = c - b, np.cross(b - a, c - b), np.cross(c - b, d - c)
    sine = np.einsum("ni,ni->n", np.cross(first, last), along) / np.maximum(np.linalg.norm(along, axis=1), 1e-9)
    return np.degrees(np.arctan2(sine, np.einsum("ni,ni->n", first, last)))


def backbone_torsions(residues: Residues) -> BackboneTorsions:
    """φ, ψ and ω of `residues`; neighbours are those that are bonded."""
    count = len(residues)
    phi, psi, omega = (np.full(count, np.nan) for _ in range(3))
    here = np.flatnonzero(residues.linked)
    after = here + 1
    n, ca, c = (residues.backbone[:, atom] for atom in (_N, _CA, _C))
    psi[here] = torsion_angles(n[here], ca[here], c[here], n[after])
    omega[after] = torsion_angles(ca[here], c[here], n[after], ca[after])
    phi[after] = torsion_angles(c[here], n[after], ca[after], c[after])
    return BackboneTorsions(phi, psi, omega)
