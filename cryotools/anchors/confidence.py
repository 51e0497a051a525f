"""Calibrated confidence: from the networks' outputs to the probability that a residue is there, and of that type.

Both are logistic regressions on a few readable features, fitted on maps that the networks never saw, all maps with
equal weight (as temperature scaling is; C. Guo et al., ICML 2017). They generalise one temperature: the resolution
tells how far outputs can be trusted, and a residue within a path is surer than one alone.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

PRESENCE_FEATURES = ("constant", "ca", "bonds", "density", "resolution")
RIGHT_FEATURES = ("constant", "type", "margin", "presence", "forward", "residue", "resolution")
_USUAL = 3.5  # Å, if the resolution is unknown
_LEAST = 1e-4  # probabilities are clipped to this


def presence_features(ca: np.ndarray, bonds: np.ndarray, density: np.ndarray, resolution: float | None) -> np.ndarray:
    """Features float64 (n, 5) of PRESENCE_FEATURES: the network's probability of a Cα, the number of bonds (0 to 2),
    the density of the prepared map, and the map's resolution in Å.
    """
    return np.stack(
        [np.ones(len(ca)), log_odds(ca), bonds, np.clip(density, 0, 2), np.full(len(ca), _coarse(resolution))], axis=1
    )


def right_features(
    types: np.ndarray, residue: np.ndarray, presence: np.ndarray, forward: np.ndarray, resolution: float | None
) -> np.ndarray:
    """Features float64 (n, 7) of RIGHT_FEATURES: the probability of the most probable type and its lead over the
    second, the probabilities of a residue at this place, of the path's direction, and of a right frame (`residue`).
    """
    first, second = np.sort(types, axis=1)[:, :-3:-1].T
    coarse = np.full(len(types), _coarse(resolution))
    lead = np.log(np.maximum(first, _LEAST) / np.maximum(second, _LEAST))
    return np.stack(
        [np.ones(len(types)), log_odds(first), lead, log_odds(presence), log_odds(forward), log_odds(residue), coarse],
        axis=1,
    )


def probability(features: np.ndarray, weights: np.ndarray | tuple[float, ...]) -> np.ndarray:
    """The calibrated probability (n,), float32."""
    return expit(features @ np.asarray(weights)).astype(np.float32)


def fit_weights(features: np.ndarray, right: np.ndarray, group: np.ndarray, penalty: float = 1e-3) -> np.ndarray:
    """Weights (k,) by maximum likelihood from features (n, k) and what was right, bool (n,); `group` (n,) is the map of
    each item, and all maps have equal weight. `penalty` holds weights other than the constant near 0.
    """
    _, which, count = np.unique(group, return_inverse=True, return_counts=True)
    weight = 1 / count[which] / len(count)
    sign = np.where(right, 1.0, -1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        odds = sign * (features @ weights)
        slope = -weight * sign * expit(-odds)
        value = float((weight * np.logaddexp(0, -odds)).sum() + penalty * (weights[1:] ** 2).sum())
        return value, slope @ features + np.append(0.0, 2 * penalty * weights[1:])

    return minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, finite."""
    return logit(np.clip(np.asarray(probability, dtype=np.float64), _LEAST, 1 - _LEAST))


def _coarse(resolution: float | None) -> float:
    return float(np.clip(resolution or _USUAL, 1.5, 6.0)) - _USUAL
