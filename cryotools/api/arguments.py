"""What arguments of the Python API look like, and how options of commands have them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from cryotools.core.maps.volume import Triple

VoxelSize = float | Triple
Path = str | os.PathLike[str]


def cube_text(cube: int | bool) -> str | None:
    """The word or number that `molmap` takes for `cube`."""
    if cube is True:
        return "true"
    return None if cube is False else str(cube)


def joined(numbers: float | Sequence[float] | None) -> str | None:
    """One number or several, as the options of commands have them."""
    if numbers is None:
        return None
    return ",".join(str(each) for each in np.atleast_1d(numbers).tolist())


def chain_ids(chains: Sequence[str] | None) -> tuple[str, ...] | None:
    """Chain ids, given one by one or as "A,B"."""
    if chains is None:
        return None
    return tuple(chains.split(",") if isinstance(chains, str) else chains)
