"""Residues as if found in a map, with amino acids known as well as one likes, for tests of what is made of them."""

from __future__ import annotations

import numpy as np

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import AMINO_ACIDS

# per cent in proteins, in the order of AMINO_ACIDS
USUAL = np.array([8, 1, 5, 7, 4, 7, 2, 6, 6, 10, 2, 4, 5, 4, 5, 7, 5, 7, 1, 4]) / 100


def random_sequence(count: int, rng: np.random.Generator) -> str:
    """Letters of a usual composition, independent of one another."""
    return "".join(rng.choice(list(AMINO_ACIDS), size=count, p=USUAL))


def seen_types(letters: str, clear: float, rng: np.random.Generator) -> np.ndarray:
    """Calibrated probabilities (n, 20) of a noisy look at amino acids: of the most probable ones 25 % are right with
    `clear` = 1, 44 % with 1.6 and 71 % with 2.4.
    """
    true = np.array([AMINO_ACIDS.index(letter) for letter in letters])
    seen = rng.standard_normal((len(true), 20)) * clear
    seen[np.arange(len(true)), true] += clear**2
    odds = np.exp(seen - seen.max(axis=1, keepdims=True)) * USUAL
    return odds / odds.sum(axis=1, keepdims=True)


def found_residues(
    types: np.ndarray, lengths: list[int], forward: float = 0.5, **known: np.ndarray
) -> DetectedResidues:
    """Residues of probabilities (n, 20) in paths of these lengths; those left over are isolated. `known` replaces other
    fields.
    """
    n = len(types)
    path = np.concatenate([np.repeat(np.arange(len(lengths)), lengths), np.full(n - sum(lengths), -1)]).astype(np.int32)
    each = np.arange(n)
    linked = np.append((path[1:] == path[:-1]) & (path[1:] >= 0), False)[:n]
    fields = {
        "ca": np.stack([3.8 * each, 0.0 * each, 0.0 * each], axis=1),
        "mass": np.stack([3.8 * each, 0.0 * each + 1.5, 0.0 * each], axis=1),
        "presence": np.full(n, 0.9, dtype=np.float32),
        "types": types.astype(np.float32),
        "confidence": (0.9 * types.max(axis=1, initial=0)).astype(np.float32),
        "before": np.where(np.append(False, linked[:-1])[:n], each - 1, -1).astype(np.int32),
        "after": np.where(linked, each + 1, -1).astype(np.int32),
        "path": path,
        "forward": np.where(path >= 0, forward, 0.5).astype(np.float32),
        "state": np.tile(np.float32([0.8, 0.1, 0.1]), (n, 1)),
        "density": np.ones(n, dtype=np.float32),
    }
    return DetectedResidues(**(fields | known))
