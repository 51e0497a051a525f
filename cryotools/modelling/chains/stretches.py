"""Stretches of paths that are placed on a sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SPAN, SLACK = 3.8, 2.0  # Å that a residue can span, and for errors of both ends


@dataclass(frozen=True)
class Stretch:
    """Residues at positions of a sequence, both (k,) in the order of the sequence; `score` in nats."""

    sequence: str
    position: np.ndarray
    residue: np.ndarray
    path: int
    score: float
