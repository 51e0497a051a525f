"""Bond lengths, angles, chiral volumes, planes and Cβ positions as they are in a model."""

from __future__ import annotations

import numpy as np

from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structure import PROTEIN
from cryotools.modelling.geometry.targets import AtomTable

# ideal Cβ (S. Lovell et al. 2003): bond length, angle C-CA-CB, torsion N-C-CA-CB, angle N-CA-CB, torsion C-N-CA-CB
_USUAL = (1.530, 110.1, 122.8, 110.5, -122.6)
_BRANCHED = (1.540, 109.1, 123.4, 111.5, -122.0)
_CBETA = {
    "ALA": (1.536, 110.1, 122.9, 110.6, -122.6),
    "PRO": (1.530, 112.2, 115.1, 103.0, -120.7),
    **dict.fromkeys(("ILE", "THR", "VAL"), _BRANCHED),
}


def lengths(xyz: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Distances (k,) in Å between pairs of atoms (k, 2) at `xyz` (n, 3)."""
    return np.linalg.norm(xyz[atoms[:, 0]] - xyz[atoms[:, 1]], axis=1)


def angles(xyz: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Angles (k,) in degrees at the second of three atoms (k, 3) at `xyz` (n, 3)."""
    first, last = (xyz[atoms[:, k]] - xyz[atoms[:, 1]] for k in (0, 2))
    norm = np.linalg.norm(first, axis=1) * np.linalg.norm(last, axis=1)
    cosine = np.einsum("ni,ni->n", first, last) / np.maximum(norm, 1e-9)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def chiral_volumes(xyz: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Volumes (k,) in Å³ spanned by a centre and three neighbours, atoms (k, 4); a mirror image has the other sign."""
    a, b, c = (xyz[atoms[:, k]] - xyz[atoms[:, 0]] for k in (1, 2, 3))
    return np.einsum("ni,ni->n", a, np.cross(b, c))


def plane_deviations(xyz: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Distance in Å of each of the atoms (k, n) from their best plane, (k, n)."""
    points = xyz[atoms]
    points = points - points.mean(axis=1, keepdims=True)
    normal = np.linalg.svd(points, full_matrices=False)[2][:, 2] if len(points) else np.zeros((0, 3))
    return np.abs(np.einsum("kni,ki->kn", points, normal))


def cbeta_deviations(xyz: np.ndarray, residues: Residues, table: AtomTable) -> np.ndarray:
    """Distance (m,) in Å of each residue's Cβ from where its backbone puts it, the mean of the places seen from N and
    from C (MolProbity's deviation: 0.25 Å and more is an outlier); NaN for glycine and without the atoms.
    """
    deviation = np.full(len(residues), np.nan)
    protein = np.flatnonzero((residues.kind == PROTEIN) & (residues.letters != "G"))
    atoms = table.find(protein, ("N", "CA", "C", "CB"))
    there = (atoms >= 0).all(axis=1)
    mine, (n, ca, c, cb) = protein[there], (xyz[atoms[there, k]] for k in range(4))
    shape = np.array([_CBETA.get(name, _USUAL) for name in residues.residue_name[mine]]).reshape(-1, 5).T
    length, by_c, about_c, by_n, about_n = shape
    ideal = (placed_atoms(n, c, ca, length, by_c, about_c) + placed_atoms(c, n, ca, length, by_n, about_n)) / 2 - ca
    ideal *= (length / np.maximum(np.linalg.norm(ideal, axis=1), 1e-9))[:, None]
    deviation[mine] = np.linalg.norm(cb - ca - ideal, axis=1)
    return deviation


def placed_atoms(
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    length: np.ndarray | float,
    angle: np.ndarray | float,
    torsion: np.ndarray | float,
) -> np.ndarray:
    """Where an atom (n, 3) is bonded to c (n, 3) at `length` Å, with the `angle` b-c-atom and the `torsion` a-b-c-atom
    in degrees, each (n,) or the same for all.
    """
    along = _unit(c - b)
    normal = _unit(np.cross(b - a, along))
    bend, turned, far = np.radians(angle)[..., None], np.radians(torsion)[..., None], np.asarray(length)[..., None]
    aside = np.cos(turned) * np.cross(normal, along) + np.sin(turned) * normal
    return c + far * (np.sin(bend) * aside - np.cos(bend) * along)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
