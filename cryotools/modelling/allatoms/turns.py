"""How peptide planes are turned between Cα atoms, measured from crystal structures.

The table has the log odds of each turn about the line between two Cα atoms, by the angles at both and the torsion of
four; docs/build-model-notes.md says how it is measured.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np

from cryotools.core.structures.torsions import torsion_angles

STATES = 36  # turns, from 0°
TORSIONS = 18  # bins
ANGLES = np.array([90.0, 97.0, 108.0, 121.0, 132.0])  # degrees, between bins


def turn_bins(ca: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bin of each peptide of bonded residues with Cα at `ca` (n, 3), int (n - 1,), and which have one: all but the
    first and the last, bool (n - 1,).
    """
    count = max(len(ca) - 1, 0)
    there, bins = np.zeros(count, dtype=bool), np.zeros(count, dtype=int)
    if len(ca) >= 4:
        there[1:-1] = True
        a, b, c, d = ca[:-3], ca[1:-2], ca[2:-1], ca[3:]
        turn = np.floor((torsion_angles(a, b, c, d) + 180) / 360 * TORSIONS).astype(int) % TORSIONS
        first, second = (np.searchsorted(ANGLES, _angles(*three)) for three in ((a, b, c), (b, c, d)))
        bins[1:-1] = (first * (len(ANGLES) + 1) + second) * TORSIONS + turn
    return bins, there


def turn_odds(ca: np.ndarray) -> np.ndarray:
    """Log odds (n - 1, STATES) of each turn of each peptide against its being any; 0 for the first and the last."""
    bins, there = turn_bins(ca)
    return np.where(there[:, None], _table()[bins], 0.0)


@cache
def _table() -> np.ndarray:
    with (files("cryotools.modelling.allatoms") / "turns.npz").open("rb") as stream, np.load(stream) as stored:
        return stored["odds"].astype(np.float64) * 0.05 - 6.0


def _angles(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    first, second = a - b, c - b
    cosine = np.einsum("ni,ni->n", first, second)
    cosine /= np.maximum(np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1), 1e-9)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))
