"""Random numbers specific to a map, independent of the order and number of maps."""

from __future__ import annotations

import hashlib

import numpy as np


def random_for(seed: int, name: str) -> np.random.Generator:
    """Random numbers of the map `name` in a run with this `seed`, the same on every machine."""
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])])
