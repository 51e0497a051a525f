"""Scores of models beside those of cctbx: verdicts of residues, and chain_comparison.

    python tests/benchmarks/modelling/against_cctbx.py verdicts.csv comparison.csv

Both tables are made by cctbx_verdicts.py.
"""

from __future__ import annotations

import csv
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling.geometry.check import CBETA_OUTLIER, check_geometry
from cryotools.modelling.geometry.ramachandran import UNRATED
from cryotools.modelling.scoring.chaincomparison import compare_chains
from cryotools.modelling.scoring.trace import model_trace


def verdicts(path: str) -> None:
    """Print the agreement of verdicts, residue by residue and model by model."""
    theirs: dict[str, dict[tuple[str, ...], dict[str, str]]] = defaultdict(dict)
    for row in csv.DictReader(Path(path).read_text(encoding="utf-8").splitlines()):
        if row["kind"].startswith("rama") or row["score"].strip() in ("", "A"):
            kind = "rama" if row["kind"].startswith("rama") else row["kind"]
            theirs[row["file"]][kind, row["chain"], row["number"], row["icode"]] = row
    confusion, cbeta, omega, shares, spent = np.zeros((3, 3), dtype=int), [], [], [], 0.0
    for file, rows in theirs.items():
        structure = read_structure(file)
        residues = find_residues(structure)
        begin = time.process_time()
        ours = check_geometry(structure, residues)
        spent += time.process_time() - begin
        mine = np.zeros((3, 3), dtype=int)
        for at in range(len(residues)):
            key = (str(residues.chain[at]), str(residues.residue_number[at]), str(residues.insertion_code[at]))
            if ours.ramachandran.verdict[at] != UNRATED and (row := rows.get(("rama", *key))):
                mine[int(row["verdict"]), ours.ramachandran.verdict[at]] += 1
            if np.isfinite(ours.cbeta[at]) and (row := rows.get(("cbeta", *key))):
                cbeta.append((float(row["a"]), ours.cbeta[at]))
            if np.isfinite(ours.torsions.omega[at]) and (row := rows.get(("omega", *key))):
                omega.append((float(row["a"]), ours.torsions.omega[at]))
        confusion += mine
        if mine.any():
            shares.append(np.array([mine[2].sum(), mine[:, 2].sum(), mine[0].sum(), mine[:, 0].sum()]) / mine.sum())
    print("rows: cctbx's outlier, allowed, favoured; columns: ours\n", confusion)
    total = confusion.sum()
    print(f"{total} residues of {len(shares)} models, {np.trace(confusion) / total:.4f} the same, {spent:.1f} s CPU")
    favoured, outlier = np.array(shares)[:, :2], np.array(shares)[:, 2:]
    for name, both in (("favoured", favoured), ("outliers", outlier)):
        apart = np.abs(both[:, 0] - both[:, 1])
        print(f"{name}: {both.mean(axis=0)}, differences {apart.mean():.4f}, at most {apart.max():.4f}")
    one, two = np.array(cbeta).T
    same = np.mean((one >= CBETA_OUTLIER) == (two >= CBETA_OUTLIER))
    print(f"Cβ: {len(one)}, differ by at most {np.abs(one - two).max():.2g} Å, outliers the same {same:.4f}")
    one, two = np.array(omega).T
    print(f"omega: {len(one)}, differ by at most {np.abs((one - two + 180) % 360 - 180).max():.2g}°")


def comparisons(path: str) -> None:
    """Print chain_comparison's figures of each pair of models, cctbx's beside ours."""
    for row in csv.DictReader(Path(path).read_text(encoding="utf-8").splitlines()):
        model, target = (model_trace(find_residues(read_structure(row[key])), row[key]) for key in ("model", "target"))
        ours = compare_chains(model, target)
        keys = ("close", "rmsd", "found", "match", "forward", "reverse", "unaligned")
        shown = ", ".join(f"{key} {float(row[key]):.4g} {getattr(ours, key):.4g}" for key in keys)
        same = all(np.isclose(float(row[key]), getattr(ours, key), atol=1e-4) for key in keys)
        print(f"{Path(row['model']).name}: {'the same' if same else 'DIFFERS'}: {shown}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    verdicts(sys.argv[1])
    comparisons(sys.argv[2])
