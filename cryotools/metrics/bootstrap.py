"""Bootstrap confidence intervals over maps: maps are resampled, never the voxels or residues of one map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A score over `n` maps and its confidence limits; NaN if there are too few maps."""

    value: float
    low: float
    high: float
    n: int


def bootstrap_interval(
    values: Sequence[float] | np.ndarray,
    statistic: Callable[..., np.ndarray] = np.mean,
    *,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """The percentile interval of `statistic` (np.mean, np.median) over `values` (n,), one per map.

    NaN values (maps without the class in question) are ignored. A single map has no interval.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    nothing = float("nan")
    if len(known) < 2:
        return Interval(float(known[0]) if len(known) else nothing, nothing, nothing, len(known))
    drawn = np.random.default_rng(seed).integers(len(known), size=(draws, len(known)))
    low, high = np.quantile(statistic(known[drawn], axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(known)), float(low), float(high), len(known))
