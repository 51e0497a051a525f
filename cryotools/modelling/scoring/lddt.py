"""lDDT on Cα atoms: the fraction of distances in the reference that the model keeps (V. Mariani et al. 2013)."""

from __future__ import annotations

import numpy as np

_RADIUS = 15.0  # Å
_TOLERANCES = (0.5, 1.0, 2.0, 4.0)  # Å


def ca_lddt(reference: np.ndarray, model: np.ndarray) -> np.ndarray:
    """The lDDT (n,) of each Cα of the reference (n, 3): the mean over tolerances of 0.5, 1, 2 and 4 Å of the fraction
    of its distances up to 15 Å that the same atoms of the model (n, 3) keep.

    Atoms that the model lacks are NaN there and keep no distance; a residue without neighbours has NaN.
    """
    from scipy.spatial import cKDTree

    pairs = cKDTree(reference).query_pairs(_RADIUS, output_type="ndarray")
    true, found = (np.linalg.norm(xyz[pairs[:, 0]] - xyz[pairs[:, 1]], axis=1) for xyz in (reference, model))
    with np.errstate(invalid="ignore"):
        kept = np.mean([np.abs(true - found) < tolerance for tolerance in _TOLERANCES], axis=0)
    ends, each = pairs.T.ravel(), np.tile(kept, 2)
    total = np.bincount(ends, weights=each, minlength=len(reference))
    count = np.bincount(ends, minlength=len(reference))
    return np.divide(total, count, out=np.full(len(reference), np.nan), where=count > 0)
