"""Ramachandran plots: how common the φ and ψ of a residue are, and which of them are favoured or outliers.

The densities are measured from crystal structures of up to 1.8 Å (docs/score-model-notes.md says how), in the classes
of MolProbity (S. Lovell et al. 2003; C. Williams et al. 2018). The levels are set such that as many residues are
favoured and outliers as by cctbx's ramalyze.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structure import PROTEIN
from cryotools.core.structures.torsions import BackboneTorsions, backbone_torsions

CLASSES = ("general", "glycine", "Ile or Val", "before proline", "trans-proline", "cis-proline")
OUTLIER, ALLOWED, FAVOURED, UNRATED = range(4)
VERDICTS = ("outlier", "allowed", "favoured", "")
STEP = 4.0  # degrees between the table's points
FLOOR, _UNIT = -18.0, 0.05  # of log densities per square degree: the lowest, and their steps in the file
_CIS = 90.0  # degrees


@dataclass(frozen=True)
class RamachandranTable:
    """Log densities `values` float32 (6, 90, 90) per square degree of the CLASSES, at -178°, -174°, … of φ and ψ.

    A residue is favoured from the level `favoured` (6,) of its class, and an outlier below the level `outlier` (6,).
    """

    values: np.ndarray
    favoured: np.ndarray
    outlier: np.ndarray

    def log_density(self, classes: np.ndarray, phi: np.ndarray, psi: np.ndarray) -> np.ndarray:
        """Log density (n,) at φ and ψ (n,) in degrees of residues of `classes` (n,), interpolated between points."""
        size = self.values.shape[1]
        (i, along), (j, across) = (_place(angle, size) for angle in (phi, psi))
        corners = [self.values[classes, a % size, b % size] for a in (i, i + 1) for b in (j, j + 1)]
        low, high = (corners[k] * (1 - across) + corners[k + 1] * across for k in (0, 2))
        return low * (1 - along) + high * along

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table as a compressed .npz, log densities in steps of 0.05."""
        coarse = np.rint((self.values - FLOOR) / _UNIT).clip(0, 255).astype(np.uint8)
        np.savez_compressed(path, values=coarse, favoured=self.favoured, outlier=self.outlier)


@cache
def ramachandran_table() -> RamachandranTable:
    """The table that comes with the package."""
    with (files("cryotools.modelling.geometry") / "ramachandran.npz").open("rb") as stream, np.load(stream) as stored:
        values = (FLOOR + _UNIT * stored["values"]).astype(np.float32)
        return RamachandranTable(values, stored["favoured"], stored["outlier"])


@dataclass(frozen=True)
class RamachandranScores:
    """For each residue (m,) its class (-1: none), the log density at its φ and ψ (NaN: none) and its verdict."""

    classes: np.ndarray
    log_density: np.ndarray
    verdict: np.ndarray

    def share(self, verdict: int) -> float:
        """The fraction of the rated residues that have this verdict; NaN without any."""
        rated = self.verdict[self.verdict != UNRATED]
        return float(np.mean(rated == verdict)) if len(rated) else float("nan")


def ramachandran_classes(residues: Residues, torsions: BackboneTorsions | None = None) -> np.ndarray:
    """The class of each residue, int8 (m,): index in CLASSES, or -1 without φ and ψ."""
    torsions = torsions or backbone_torsions(residues)
    letters = residues.letters
    following = np.append(np.where(residues.linked[:-1], letters[1:], ""), "")
    classes = np.zeros(len(residues), dtype=np.int8)
    classes[np.isin(letters, ("I", "V"))] = CLASSES.index("Ile or Val")
    classes[following == "P"] = CLASSES.index("before proline")
    proline = letters == "P"
    cis = np.abs(torsions.omega) < _CIS
    classes[proline] = np.where(cis[proline], CLASSES.index("cis-proline"), CLASSES.index("trans-proline"))
    classes[letters == "G"] = CLASSES.index("glycine")
    known = (residues.kind == PROTEIN) & np.isfinite(torsions.phi) & np.isfinite(torsions.psi)
    return np.where(known, classes, -1).astype(np.int8)


def ramachandran_scores(residues: Residues, torsions: BackboneTorsions | None = None) -> RamachandranScores:
    """Rate φ and ψ of every residue that has both."""
    torsions = torsions or backbone_torsions(residues)
    table, classes = ramachandran_table(), ramachandran_classes(residues, torsions)
    rated = np.flatnonzero(classes >= 0)
    value = np.full(len(residues), np.nan)
    value[rated] = table.log_density(classes[rated], torsions.phi[rated], torsions.psi[rated])
    verdict = np.full(len(residues), UNRATED, dtype=np.int8)
    kind = classes[rated]
    verdict[rated] = np.where(value[rated] >= table.favoured[kind], FAVOURED, ALLOWED)
    verdict[rated[value[rated] < table.outlier[kind]]] = OUTLIER
    return RamachandranScores(classes, value, verdict)


def _place(angle: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The table's point below each angle, and how far it is on the way to the next."""
    index = (np.asarray(angle) + 180) / STEP - 0.5
    below = np.floor(index).astype(int)
    return below % size, index - below
