"""Calibrated confidence: from the networks' outputs to the probability that a residue is there, and of that type.

Both are logistic regressions on a few readable features, fitted on maps that the networks never saw, all maps with
equal weight (as temperature scaling is; C. Guo et al., ICML 2017). They generalise one temperature: the resolution
tells how far outputs can be trusted, and a residue within a path is surer than one alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

PRESENCE_FEATURES = ("constant", "ca", "bonds", "density", "resolution")
RIGHT_FEATURES = ("constant", "type", "margin", "presence", "forward", "residue", "resolution")
_USUAL = 3.5  # Å, if the resolution is unknown
_LEAST = 1e-4  # probabilities are clipped to this


@dataclass(frozen=True)
class Evidence:
    """What the networks say of each residue, before calibration.

    Attributes
    ----------
    ca : float32 (n,), the trace network's probability of a Cα
    bonds : float64 (n,), the number of neighbours along the path, 0 to 2
    density : float32 (n,), of the prepared map
    types : float64 (n, 20), the probabilities of the amino acids, at the type network's temperature
    residue : float64 (n,), the type network's probability that the frame is right
    direction : float64 (n,), nats in favour of the path's direction, at least 0; 0 without a path
    resolution : Å; None if unknown
    """

    ca: np.ndarray
    bonds: np.ndarray
    density: np.ndarray
    types: np.ndarray
    residue: np.ndarray
    direction: np.ndarray
    resolution: float | None

    def presence_features(self) -> np.ndarray:
        """Float64 (n, 5), as named in PRESENCE_FEATURES."""
        density, coarse = np.clip(self.density, 0, 2), np.full(len(self.ca), _coarse(self.resolution))
        return np.stack([np.ones(len(self.ca)), log_odds(self.ca), self.bonds, density, coarse], axis=1)

    def right_features(self, presence: np.ndarray, forward: np.ndarray) -> np.ndarray:
        """Float64 (n, 7), as named in RIGHT_FEATURES, with the calibrated probabilities (n,) of a residue at this place
        and of the path's direction.
        """
        second, first = np.sort(self.types, axis=1)[:, -2:].T
        lead = np.log(np.maximum(first, _LEAST) / np.maximum(second, _LEAST))
        odds = [log_odds(one) for one in (presence, forward, self.residue)]
        coarse = np.full(len(first), _coarse(self.resolution))
        return np.stack([np.ones(len(first)), log_odds(first), lead, *odds, coarse], axis=1)


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
