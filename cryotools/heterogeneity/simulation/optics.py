"""CTF parameters of simulated images: drawn at random, or from those of a measured set."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cryotools.core.errors import ArgumentError, DataError, UsageError
from cryotools.heterogeneity.ctf import CtfParameters
from cryotools.heterogeneity.metadata.cryosparc import read_cryosparc_particles
from cryotools.heterogeneity.metadata.pickles import read_ctf_pickle
from cryotools.heterogeneity.metadata.star import read_star_particles

_ASTIGMATISM = 200.0  # Å, standard deviation of the difference between the defoci along the two axes


def random_ctf(
    random: np.random.Generator,
    count: int,
    *,
    defocus: tuple[float, float] = (10_000.0, 25_000.0),
    voltage: float = 300.0,
    spherical_aberration: float = 2.7,
    amplitude_contrast: float = 0.1,
) -> CtfParameters:
    """CTF parameters of `count` images, with mean defocus uniform between two values, Å, and some astigmatism.

    Raises
    ------
    ArgumentError
        A value is not possible.
    """
    low, high = defocus
    if not 0 < low <= high < np.inf:
        raise ArgumentError("defocus", f"{low:g}:{high:g}", "give a range LOW:HIGH of positive numbers, Å")
    if not 0 < voltage < np.inf:
        raise ArgumentError("voltage", voltage, "give a positive number of kV")
    if not 0 <= amplitude_contrast <= 1:
        raise ArgumentError("amplitude_contrast", amplitude_contrast, "give a number from 0 to 1")
    mean, half = random.uniform(low, high, count), np.abs(random.normal(0, _ASTIGMATISM / 2, count))
    constants = (np.full(count, value) for value in (voltage, spherical_aberration, amplitude_contrast, 0.0))
    return CtfParameters(mean + half, mean - half, random.uniform(0, 180, count), *constants)


def measured_ctf(random: np.random.Generator, count: int, path: str | os.PathLike[str]) -> CtfParameters:
    """CTF parameters of `count` images drawn from those of a .star, .cs or cryoDRGN's .pkl file; none twice if it has
    enough.

    Raises
    ------
    UsageError
        It is none of these.
    DataError
        The file is broken or has no defocus.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".pkl", ".pickle"):
        found: CtfParameters | None = read_ctf_pickle(path)[0]
    elif suffix == ".star":
        found = read_star_particles(path).ctf
    elif suffix == ".cs":
        found = read_cryosparc_particles(path).ctf
    else:
        raise UsageError(f"{path}: has no CTF parameters; give a .star, .cs or .pkl file")
    if found is None:
        raise DataError(f"{path}: has no defocus; give the file of a CTF estimation, or a range of `defocus`")
    return found[random.choice(len(found), count, replace=len(found) < count)]
