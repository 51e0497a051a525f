"""Make cryotools/modelling/geometry/ramachandran.npz from crystal structures of high resolution.

    python tests/benchmarks/modelling/ramachandran_table.py manifest.csv verdicts.csv ramachandran.npz

manifest.csv has the columns id, file (beside it), method and resolution; verdicts.csv, from cctbx_verdicts.py, what
cctbx's ramalyze says of other structures: the contour levels are set such that as many are favoured and outliers.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.torsions import backbone_torsions
from cryotools.modelling.geometry.ramachandran import CLASSES, FLOOR, STEP, RamachandranTable, ramachandran_classes

FINEST, HIGHEST_B = 1.8, 40.0
FIRST, WIDTHS = 3.0, np.array([2.0, 3.0, 4.5, 6.0, 8.0])  # degrees: of the pilot density, and of the kernels
BINS = 180
CCTBX_CLASSES = {0: "general", 1: "glycine", 2: "cis-proline", 3: "trans-proline", 4: "before proline", 5: "Ile or Val"}


def torsions(manifest: Path) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Classes, φ and ψ of the well-defined residues of each structure; one of several chains of one sequence."""
    for row in csv.DictReader(manifest.read_text(encoding="utf-8").splitlines()):
        if not row["resolution"] or float(row["resolution"]) > FINEST or "RAY" not in row["method"]:
            continue
        structure = read_structure(manifest.parent / row["file"])
        residues = find_residues(structure)
        if not len(residues):
            continue
        angles, classes = backbone_torsions(residues), ramachandran_classes(residues)
        vague = np.zeros(len(residues), dtype=bool)
        atoms = np.flatnonzero(residues.of_atom >= 0)
        main = np.isin(structure.atom_name[atoms], ("N", "CA", "C", "O"))
        doubtful = (structure.altloc[atoms] != "") | (structure.occupancy[atoms] < 0.99)
        doubtful |= main & (structure.b_factor[atoms] > HIGHEST_B)
        np.logical_or.at(vague, residues.of_atom[atoms], doubtful)
        vague |= np.append(vague[1:], False) | np.append(False, vague[:-1])
        first_of = {sequence: chain for chain, sequence in reversed(residues.sequences().items())}
        use = ~vague & (classes >= 0) & np.isin(residues.chain, list(first_of.values()))
        yield classes[use], angles.phi[use], angles.psi[use]


def log_density(phi: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """The log density per square degree on the table's grid, by kernels that are wider where points are rarer."""
    step = 360 / BINS
    i, j = (np.floor((angle + 180) / step).astype(int) % BINS for angle in (phi, psi))

    def histogram(which: np.ndarray) -> np.ndarray:
        return np.bincount(i[which] * BINS + j[which], minlength=BINS**2).reshape(BINS, BINS).astype(float)

    pilot = gaussian_filter(histogram(np.ones(len(i), dtype=bool)), FIRST / step, mode="wrap")[i, j]
    width = np.clip(FIRST * np.sqrt(np.exp(np.mean(np.log(pilot))) / pilot), WIDTHS[0], WIDTHS[-1])
    nearest = np.abs(np.log(WIDTHS)[:, None] - np.log(width)).argmin(axis=0)
    parts = [gaussian_filter(histogram(nearest == k), wide / step, mode="wrap") for k, wide in enumerate(WIDTHS)]
    density = np.sum(parts, axis=0) / len(phi) / step**2
    coarse = int(STEP / step)
    density = density.reshape(BINS // coarse, coarse, BINS // coarse, coarse).mean(axis=(1, 3))
    return np.log(np.maximum(density, np.exp(FLOOR)))


def levels(table: RamachandranTable, verdicts: Path) -> tuple[np.ndarray, np.ndarray]:
    """For each class the levels below which residues are not favoured, and outliers: as many as cctbx finds."""
    rows = [row for row in csv.DictReader(verdicts.read_text().splitlines()) if row["kind"].startswith("rama")]
    kind = np.array([CLASSES.index(CCTBX_CLASSES[int(row["kind"][4:])]) for row in rows])
    phi, psi, verdict = (np.array([float(row[key]) for row in rows]) for key in ("a", "b", "verdict"))
    value = table.log_density(kind, phi, psi)
    favoured, outlier = (
        np.array([np.quantile(value[kind == k], np.mean(verdict[kind == k] < best)) for k in range(len(CLASSES))])
        for best in (2, 1)
    )
    return favoured, outlier


def main(manifest: str, verdicts: str, out: str) -> None:
    """Make the table and write it."""
    warnings.simplefilter("ignore")
    classes, phi, psi = (np.concatenate(part) for part in zip(*torsions(Path(manifest)), strict=True))
    values = np.stack([log_density(phi[classes == k], psi[classes == k]) for k in range(len(CLASSES))])
    table = RamachandranTable(values.astype(np.float32), np.zeros(len(CLASSES)), np.zeros(len(CLASSES)))
    favoured, outlier = levels(table, Path(verdicts))
    RamachandranTable(table.values, favoured, outlier).write(out)
    for k, name in enumerate(CLASSES):
        print(f"{name}: {np.sum(classes == k)} residues, levels {favoured[k]:.2f} and {outlier[k]:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
