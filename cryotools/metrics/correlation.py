"""Correlations of two maps on one grid: the two of ChimeraX, and Pearson and SSIM as computed by struc2mapGAN.

An undefined correlation (of empty or constant values) is NaN, as 0 would imply that the maps differ.
"""

from __future__ import annotations

import numpy as np

_RANK_OF_LEVEL = 0.99  # ChimeraX's default level is exceeded by 1 % of voxels
_WINDOW = 7  # voxels along each axis of SSIM's uniform window
_STABILISERS = (0.01, 0.03)
_FEWEST = 3  # values; for two, Pearson's is always 1 or -1


def chimerax_level(data: np.ndarray) -> float:
    """ChimeraX's default contour level for a map: 1 % of voxels lie above it."""
    return float(np.quantile(data, _RANK_OF_LEVEL))


def chimerax_correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """ChimeraX's `measure correlation` for values of two maps where the first is above its level.

    Returns (correlation, correlation about mean): the cosine of the two vectors and Pearson's; NaN if undefined.
    """
    return cosine(a, b), pearson(a, b)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Sum of products over the root of the product of the sums of squares, in float64; NaN if a norm is 0."""
    a, b = np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64)
    norm = np.sqrt(a @ a) * np.sqrt(b @ b)
    return float(a @ b / norm) if norm > 0 else float("nan")


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation coefficient; NaN for fewer than three values, or if an input is constant."""
    if a.size < _FEWEST or a.min() == a.max() or b.min() == b.max():  # the mean is rounded: differences may not be 0
        return float("nan")
    a, b = np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64)
    return cosine(a - a.mean(), b - b.mean())


def strong_part(data: np.ndarray) -> np.ndarray:
    """struc2mapGAN's preprocessing: zero below the 90th percentile of the non-zero voxels, then scaled to 0 … 1."""
    nonzero = data[data != 0]
    level = np.percentile(nonzero, 90) if nonzero.size else 0.0
    kept = np.where(data < level, 0, data).astype(np.float64)
    low, high = kept.min(), kept.max()
    return (kept - low) / (high - low) if high > low else np.zeros_like(kept)


def ssim(a: np.ndarray, b: np.ndarray, data_range: float = 1.0) -> float:
    """Mean structural similarity of two volumes (Wang et al. 2004) in uniform windows of 7³ voxels.

    Variances are sample variances, and the mean excludes the border where windows are incomplete, as in scikit-image's
    `structural_similarity` by default. Raises ValueError for fewer than 7 voxels along an axis.
    """
    from scipy.ndimage import uniform_filter

    if min(a.shape) < _WINDOW:
        raise ValueError(f"SSIM needs at least {_WINDOW} voxels along each axis, not {a.shape}")
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = uniform_filter(a, _WINDOW), uniform_filter(b, _WINDOW)
    sample = _WINDOW**3 / (_WINDOW**3 - 1)
    variance_a = sample * (uniform_filter(a * a, _WINDOW) - mean_a**2)
    variance_b = sample * (uniform_filter(b * b, _WINDOW) - mean_b**2)
    covariance = sample * (uniform_filter(a * b, _WINDOW) - mean_a * mean_b)
    c1, c2 = ((k * data_range) ** 2 for k in _STABILISERS)
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )
    inner = slice(_WINDOW // 2, -(_WINDOW // 2))
    return float(similarity[inner, inner, inner].mean())
