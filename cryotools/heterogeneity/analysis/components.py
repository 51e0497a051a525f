"""Principal components of the latent space, and its map in two dimensions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

NEIGHBOURS = 15  # as in UMAP's paper


@dataclass(frozen=True)
class LatentComponents:
    """Orthogonal directions of the latent space, in the order of the variance along them.

    Attributes
    ----------
    mean : (q,)
    directions : unit vectors (q, q) in rows; the largest element of each is positive
    shares : (q,), the part of the variance that is along each
    scores : (n, q), the particles' places relative to the mean, along these directions
    """

    mean: np.ndarray
    directions: np.ndarray
    shares: np.ndarray
    scores: np.ndarray

    def places(self, scores: np.ndarray) -> np.ndarray:
        """The places (m, q) in the latent space of scores (m, k) along the first k directions; the others are 0."""
        return self.mean + scores @ self.directions[: scores.shape[1]]


def latent_components(latent: np.ndarray) -> LatentComponents:
    """Principal components of places `latent` (n, q), by a singular value decomposition."""
    mean = latent.mean(axis=0)
    covariance_root = np.linalg.qr(latent - mean, mode="r")  # has the same singular values and directions
    _, sizes, directions = np.linalg.svd(covariance_root, full_matrices=True)
    at = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(at)), at])[:, None]
    variances = np.zeros(latent.shape[1])
    variances[: len(sizes)] = sizes**2
    return LatentComponents(mean, directions, variances / (variances.sum() or 1.0), (latent - mean) @ directions.T)


def umap_is_possible() -> bool:
    """True if the package umap-learn is installed."""
    return find_spec("umap") is not None


def umap_of(latent: np.ndarray, seed: int = 0) -> np.ndarray:
    """UMAP (n, 2) of places `latent` (n, q), with the usual 15 neighbours, or fewer for few particles.

    L. McInnes, J. Healy, J. Melville, arXiv:1802.03426.

    Raises
    ------
    ImportError
        umap-learn is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own libraries, and that a seed means one thread
        from umap import UMAP

        few = len(latent) < 4 * NEIGHBOURS  # too few for its usual start
        reducer = UMAP(
            n_components=2,
            n_neighbors=min(NEIGHBOURS, len(latent) - 1),
            init="random" if few else "spectral",
            random_state=seed,
        )
        return np.asarray(reducer.fit_transform(latent), dtype=np.float64)
