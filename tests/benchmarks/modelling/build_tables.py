"""Measure the tables of build-model in crystal structures: how peptides are turned, and the rotamers of side chains.

python tests/benchmarks/modelling/build_tables.py FOLDER

FOLDER has structures and a manifest.csv with their file, resolution, residues and cluster40.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from cryotools.core.structures.residues import Residues, find_residues
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.torsions import torsion_angles
from cryotools.modelling.allatoms.backbone import turn_frames
from cryotools.modelling.allatoms.rotamers import SIDE_CHAINS, backbone_axes
from cryotools.modelling.allatoms.turns import ANGLES, STATES, TORSIONS, turn_bins
from cryotools.modelling.geometry.targets import AtomTable

COARSEST, FEWEST, HIGHEST_B = 2.0, 50, 45.0  # Å, residues, Å²
ERRORS = (0.0, 0.3)  # Å along each axis: positions found in maps are not exact
PRIOR = 20.0  # residues of a uniform distribution added to each bin
LEAST_SHARE = 0.004
NEAREST = 15  # residues around the mean, of which the most typical stands for a rotamer
# χ angles that end at a flat group have finer bins; those of symmetric groups repeat after 180°
FLAT = {"ASN": 45, "ASP": 30, "GLN": 45, "GLU": 45, "HIS": 45, "PHE": 30, "TYR": 30, "TRP": 45}
SYMMETRIC = {"ASP", "GLU", "PHE", "TYR"}
CHI_ENDS = {
    **{"ARG": "CG CD NE CZ", "ASN": "CG OD1", "ASP": "CG OD1", "CYS": "SG", "GLN": "CG CD OE1", "GLU": "CG CD OE1"},
    **{"HIS": "CG ND1", "ILE": "CG1 CD1", "LEU": "CG CD1", "LYS": "CG CD CE NZ", "MET": "CG SD CE", "PHE": "CG CD1"},
    **{"PRO": "CG", "SER": "OG", "THR": "OG1", "TRP": "CG CD1", "TYR": "CG CD1", "VAL": "CG1"},
}


def structures(folder: Path) -> Iterator[tuple[Residues, AtomTable, np.ndarray, np.ndarray]]:
    """Residues, atoms, positions and the highest B factor of each residue, for one structure of each cluster."""
    rows = list(csv.DictReader((folder / "manifest.csv").read_text().splitlines()))
    rows = [row for row in rows if row["resolution"] and float(row["resolution"]) <= COARSEST]
    rows = [row for row in rows if int(row["residues"]) > FEWEST]
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: float(row["resolution"])):
        if row["cluster40"] not in seen:
            seen.add(row["cluster40"])
            structure = read_structure(folder / row["file"])
            structure = structure[structure.model == structure.model[0]]
            residues = find_residues(structure)
            highest = np.zeros(len(residues))
            mine = residues.of_atom >= 0
            np.maximum.at(highest, residues.of_atom[mine], structure.b_factor[mine])
            yield residues, AtomTable(structure, residues), structure.xyz, highest


def count_turns(residues: Residues, counts: np.ndarray, random: np.random.Generator) -> None:
    """Add the turns of a structure's peptides to `counts` (bins, STATES)."""
    there = np.isfinite(residues.backbone).all(axis=(1, 2))
    begin = 0
    for end in np.flatnonzero(~(residues.linked & there)):
        piece = residues.backbone[begin : end + int(there[end])]
        begin = end + 1
        if len(piece) < 4:
            continue
        for error in ERRORS:
            ca = piece[:, 1] + random.normal(0, error, (len(piece), 3)) if error else piece[:, 1]
            _, across, third = turn_frames(ca)
            oxygen = piece[:-1, 3] - piece[:-1, 1]
            angle = np.arctan2((oxygen * third).sum(axis=1), (oxygen * across).sum(axis=1))
            state = np.rint(angle / (2 * np.pi) * STATES).astype(int) % STATES
            bins, inner = turn_bins(ca)
            np.add.at(counts, (bins[inner], state[inner]), 1)


def turn_table(counts: np.ndarray) -> np.ndarray:
    """Log odds against a uniform distribution, in steps of 0.05 from -6, uint8."""
    smooth = counts.reshape(-1, TORSIONS, STATES)
    smooth = gaussian_filter1d(gaussian_filter1d(smooth, 0.5, axis=1, mode="wrap"), 0.8, axis=2, mode="wrap")
    smooth = smooth.reshape(counts.shape)
    share = (smooth + PRIOR / STATES) / (smooth.sum(axis=1, keepdims=True) + PRIOR)
    return np.rint((np.clip(np.log(share * STATES), -6, 4) + 6) / 0.05).clip(0, 255).astype(np.uint8)


def rotamer_table(name: str, atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares (k,) and positions (k, a, 3) of the rotamers of residues (n, 3 + a, 3): N, CA, C and the side chain."""
    axes = backbone_axes(atoms[:, 0], atoms[:, 1], atoms[:, 2])
    local = np.einsum("nij,naj->nai", axes, atoms[:, 3:] - atoms[:, 1:2])
    if name == "ALA":
        return np.ones(1), np.median(local, axis=0)[None]
    order = ["N", "CA", "C", *SIDE_CHAINS[name]]
    chain = ["N", "CA", "CB", *CHI_ENDS[name].split()]
    chi = np.stack(
        [torsion_angles(*(atoms[:, order.index(atom)] for atom in chain[at : at + 4])) for at in range(len(chain) - 3)],
        axis=1,
    )
    period = np.ones(chi.shape[1])
    key = np.floor((chi % 360) / 120).astype(int)
    if name == "PRO":
        key = (chi > 0).astype(int)
    if name in FLAT:
        whole = 180 if name in SYMMETRIC else 360
        chi[:, -1] = (chi[:, -1] + whole / 2) % whole - whole / 2
        key[:, -1] = np.rint(chi[:, -1] / FLAT[name]).astype(int) % (whole // FLAT[name])
        period[-1] = 360 / whole
    _, group, count = np.unique(key, axis=0, return_inverse=True, return_counts=True)
    shares, places = [], []
    for one in np.argsort(-count):
        if count[one] < LEAST_SHARE * len(chi):
            break
        members = np.flatnonzero(group.ravel() == one)
        turn = np.radians(chi[members])
        mean = np.angle(np.exp(1j * turn * period).mean(axis=0)) / period
        away = np.abs(np.angle(np.exp(1j * (turn - mean) * period))) / period
        close = members[np.argsort(away.max(axis=1))[:NEAREST]]
        typical = ((local[close] - np.median(local[close], axis=0)) ** 2).sum(axis=(1, 2)).argmin()
        shares.append(count[one] / len(chi))
        places.append(local[close[typical]])
    return np.array(shares), np.array(places)


def main() -> None:
    """Write both tables into the package."""
    counts, random = np.zeros(((len(ANGLES) + 1) ** 2 * TORSIONS, STATES)), np.random.default_rng(0)
    sides = defaultdict(list)
    for residues, table, xyz, highest in structures(Path(sys.argv[1])):
        count_turns(residues, counts, random)
        for name, atoms in SIDE_CHAINS.items():
            if name not in ("GLY", "UNK"):
                mine = np.flatnonzero((residues.residue_name == name) & (highest < HIGHEST_B))
                at = table.find(mine, ("N", "CA", "C", *atoms))
                sides[name].append(xyz[at[(at >= 0).all(axis=1)]])
    package = Path(__file__).parents[3] / "cryotools/modelling/allatoms"
    np.savez_compressed(package / "turns.npz", odds=turn_table(counts))
    found = {name: rotamer_table(name, np.concatenate(parts)) for name, parts in sides.items()}
    stored = {f"{name}_share": share.astype(np.float16) for name, (share, _) in found.items()}
    stored |= {f"{name}_atoms": atoms.astype(np.float16) for name, (_, atoms) in found.items()}
    np.savez_compressed(package / "rotamers.npz", **stored)


if __name__ == "__main__":
    main()
