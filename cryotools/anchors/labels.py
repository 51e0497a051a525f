"""Ground truth for residue networks: positions, amino acids, order and secondary structure of a model's residues."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.structures.dssp import COIL, dssp
from cryotools.core.structures.residues import Residues, find_residues
from cryotools.core.structures.structure import PROTEIN, Structure

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
UNKNOWN = 255  # an amino acid that is none of the twenty, or whose side chain is incomplete
OTHER, HELIX, STRAND = range(3)
_STATES = {"H": HELIX, "G": HELIX, "I": HELIX, "E": STRAND, "B": STRAND}
_HEAVY = dict(zip(AMINO_ACIDS, (5, 6, 8, 9, 11, 4, 10, 8, 9, 8, 8, 8, 7, 9, 11, 6, 7, 7, 14, 12), strict=True))
_SUGAR = {"c4": ("C4'", "C4*"), "c1": ("C1'", "C1*")}


@dataclass(frozen=True)
class ResidueTruth:
    """The amino acids of a model that have a Cα, and points on its chains; positions are (x, y, z) in Å.

    Attributes
    ----------
    ca, mass : float32 (n, 3), the Cα atom and the centre of mass of the heavy atoms
    amino : uint8 (n,), index in AMINO_ACIDS, or UNKNOWN
    state : uint8 (n,), OTHER, HELIX or STRAND
    before, after : int32 (n,), the residues bonded to it, -1 if there is none
    path : float32 (k, 3), backbone atoms of proteins and points between them
    p, c4, c1 : float32 (m, 3), atoms of nucleotides
    """

    ca: np.ndarray
    mass: np.ndarray
    amino: np.ndarray
    state: np.ndarray
    before: np.ndarray
    after: np.ndarray
    path: np.ndarray
    p: np.ndarray
    c4: np.ndarray
    c1: np.ndarray

    def __len__(self) -> int:
        return len(self.ca)

    def moved(self, turn: np.ndarray, shift: np.ndarray) -> ResidueTruth:
        """All positions x replaced by `turn` (3, 3) x + `shift` (3,)."""
        return replace(self, **{key: _float32(getattr(self, key) @ turn.T + shift) for key in POINTS})


POINTS = ("ca", "mass", "path", "p", "c4", "c1")


def residue_truth(structure: Structure) -> ResidueTruth:
    """The ground truth of `structure`; secondary structure is DSSP's, and unknown (OTHER) without a whole backbone.

    Raises
    ------
    DataError
        The structure has neither an amino acid with a Cα nor a nucleotide.
    """
    residues = find_residues(structure)
    known = np.flatnonzero((residues.kind == PROTEIN) & np.isfinite(residues.ca).all(axis=1))
    place = np.full(len(residues) + 1, -1)
    place[known] = np.arange(len(known))
    after = np.where(residues.linked[known], place[known + 1], -1)
    before = np.full(len(known), -1)
    before[after[after >= 0]] = np.flatnonzero(after >= 0)
    mass, heavy = _centres(structure, residues.of_atom, len(residues))
    nucleic = {"p": _atoms(structure, residues, ("P",))}
    nucleic |= {key: _atoms(structure, residues, names) for key, names in _SUGAR.items()}
    if not len(known) and not len(nucleic["c4"]):
        raise DataError(f"{structure.name}: has neither amino acids nor nucleotides")
    return ResidueTruth(
        ca=_float32(residues.ca[known]),
        mass=_float32(mass[known]),
        amino=_amino(residues.letters[known], heavy[known]),
        state=_states(residues, known),
        before=before.astype(np.int32),
        after=after.astype(np.int32),
        path=_path(residues.backbone[known], after),
        **nucleic,
    )


def several(parts: list[ResidueTruth]) -> ResidueTruth:
    """The residues of `parts`, one after another: copies of a molecule, say."""
    joined = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(parts[0])}
    first = np.repeat(np.cumsum([0, *map(len, parts[:-1])]), [len(part) for part in parts])
    for key in ("before", "after"):
        joined[key] = np.where(joined[key] >= 0, joined[key] + first, -1).astype(np.int32)
    return ResidueTruth(**joined)


def _amino(letters: np.ndarray, heavy: np.ndarray) -> np.ndarray:
    """Amino acids (n,) whose side chain is complete; a terminal oxygen more does no harm."""
    index = {letter: number for number, letter in enumerate(AMINO_ACIDS)}
    whole = [count >= _HEAVY.get(letter, 99) for letter, count in zip(letters, heavy, strict=True)]
    known = [index.get(letter, UNKNOWN) for letter in letters]
    return np.where(whole, known, UNKNOWN).astype(np.uint8)


def _centres(structure: Structure, of_atom: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Centre of mass (m, 3) of each residue's heavy atoms, and the number of differently named ones (m,)."""
    use = np.flatnonzero((of_atom >= 0) & (structure.element > 1))
    _, first = np.unique(np.char.add(np.char.add(of_atom[use].astype(str), " "), structure.atom_name[use]), True)
    use = use[np.sort(first)]  # one of several alternative locations
    weight = structure.element[use].astype(np.float64)  # in proportion to the mass
    total = np.bincount(of_atom[use], weight, minlength=count)
    sums = [np.bincount(of_atom[use], weight * structure.xyz[use, axis], minlength=count) for axis in range(3)]
    return np.stack(sums, axis=1) / np.maximum(total, 1)[:, None], np.bincount(of_atom[use], minlength=count)


def _states(residues: Residues, known: np.ndarray) -> np.ndarray:
    code = np.full(len(residues), COIL)
    for number in np.unique(residues.model):
        at = known[np.isfinite(residues.backbone[known]).all(axis=(1, 2)) & (residues.model[known] == number)]
        code[at] = dssp(residues.backbone[at], residues.chain[at], residues.residue_name[at] == "PRO")
    return np.array([_STATES.get(letter, OTHER) for letter in code[known]], dtype=np.uint8)


def _path(backbone: np.ndarray, after: np.ndarray) -> np.ndarray:
    """N, Cα, C and the points halfway between them, and halfway along peptide bonds; (k, 3)."""
    n, ca, c = backbone[:, 0], backbone[:, 1], backbone[:, 2]
    bonded = np.flatnonzero(after >= 0)
    points = np.concatenate([n, ca, c, (n + ca) / 2, (ca + c) / 2, (c[bonded] + n[after[bonded]]) / 2])
    return _float32(points[np.isfinite(points).all(axis=1)])


def _atoms(structure: Structure, residues: Residues, names: tuple[str, ...]) -> np.ndarray:
    nucleic = np.append(residues.kind, PROTEIN)[residues.of_atom] != PROTEIN  # the last is of atoms of no residue
    return _float32(structure.xyz[nucleic & np.isin(structure.atom_name, names)])


def _float32(points: np.ndarray) -> np.ndarray:
    return np.asarray(points, dtype=np.float32).reshape(-1, 3)
