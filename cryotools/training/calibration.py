"""Calibrate probabilities: one temperature for a network's logits (C. Guo et al., ICML 2017).

It is fitted on maps that the network was not trained on: on training maps it would stay overconfident.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

_LIMITS = (0.2, 5.0)


def fit_temperature(logits: np.ndarray, classes: np.ndarray, group: np.ndarray | None = None) -> float:
    """The temperature to divide logits (n, k) by so that the confidence of their softmax matches its accuracy.

    Parameters
    ----------
    classes : int (n,), the true class of each item
    group : (n,), the map that each item belongs to; all maps have equal weight. None: all belong to one.

    Returns
    -------
    From 0.2 to 5; 1 if there are no items.
    """
    if not len(classes):
        return 1.0
    group = np.zeros(len(classes), dtype=int) if group is None else group
    of_group = [np.flatnonzero(group == one) for one in np.unique(group)]

    def loss(temperature: float) -> float:
        found = log_softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1)
        of_class = found[np.arange(len(classes)), classes]
        return float(np.mean([-of_class[members].mean() for members in of_group]))

    return least_temperature(loss)


def least_temperature(loss: Callable[[float], float]) -> float:
    """The temperature from 0.2 to 5 that minimises `loss`, a function of it: for systems whose probabilities are more
    than the softmax of one row of logits.
    """
    low, high = np.log(_LIMITS)
    return float(np.exp(minimize_scalar(lambda log: loss(np.exp(log)), bounds=(low, high), method="bounded").x))
