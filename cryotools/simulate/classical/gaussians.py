"""Atoms as Gaussians: widths from resolution and B factors, heights from atomic numbers or electron scattering.

Resolution is defined as in `core.maps.splat` throughout.
"""

from __future__ import annotations

import gemmi
import numpy as np

from cryotools.core.errors import DataError, UsageError, check_choice
from cryotools.core.maps.splat import Gaussians, sigma_of_resolution
from cryotools.core.structures.chemistry.elements import HEAVIEST
from cryotools.core.structures.structure import Structure

WEIGHTS = ("number", "electron")


def unit_height(sigma: float | np.ndarray) -> float | np.ndarray:
    """Height of a three-dimensional Gaussian of integral 1 and standard deviation `sigma`, Å⁻³."""
    return (2 * np.pi) ** -1.5 * np.asarray(sigma, dtype=np.float64) ** -3


def atoms_as_gaussians(
    structure: Structure,
    resolution: float,
    *,
    weights: str = "number",
    occupancy: bool = True,
    b_factors: bool = False,
    sharpness: float = 0.0,
) -> Gaussians:
    """The density of `structure` at `resolution` Å as Gaussians whose integrals are the atoms' weights.

    Parameters
    ----------
    weights : "number" for the atomic number, integral Z; "electron" for elastic electron scattering factors
        (International Tables C, table 4.3.2.2, five Gaussians per element), integral f(0) in Å
    occupancy : scale each atom by its occupancy
    b_factors : blur each atom by its own B, adding B / (8 pi²) to the variance; B below 0 counts as 0
    sharpness : Å², subtracted from the B of every atom: the map's transform is multiplied by exp(sharpness s²/4)

    Raises
    ------
    DataError
        Every atom has occupancy 0, an occupancy is missing or negative, or an element has no tabulated scattering
        factor.
    UsageError
        `sharpness` leaves an atom without width.
    """
    check_choice("weights", weights, WEIGHTS)
    scale = structure.usable_occupancy() if occupancy else np.ones(len(structure))
    if not scale.any():
        raise DataError(f"{structure.name}: every atom has occupancy 0; to ignore occupancies, give `occupancy=False`")
    variance = np.full(len(structure), sigma_of_resolution(resolution) ** 2)
    if b_factors:
        variance += np.maximum(structure.b_factor, 0) / (8 * np.pi**2)
    if sharpness:
        variance = _sharpened(variance, sharpness, resolution)
    if weights == "electron":
        return _electron_gaussians(structure, scale, variance)
    return _normalised(structure.xyz, scale * structure.element, variance)


def _sharpened(variance: np.ndarray, sharpness: float, resolution: float) -> np.ndarray:
    largest = 8 * np.pi**2 * variance.min()
    if sharpness >= largest:
        raise UsageError(
            f"a sharpness of {sharpness:.4g} A^2 leaves atoms no width at {resolution:g} A; it must be below "
            f"{largest:.4g} A^2; sharpen less, or use `method='gan'`"
        )
    return variance - sharpness / (8 * np.pi**2)


def _normalised(xyz: np.ndarray, integral: np.ndarray, variance: np.ndarray) -> Gaussians:
    sigma = np.sqrt(variance)
    return Gaussians(xyz, integral * unit_height(sigma), sigma)


def _electron_gaussians(structure: Structure, scale: np.ndarray, variance: np.ndarray) -> Gaussians:
    """f(s) = sum a exp(-b s²) with s = 1 / (2 d) is a density of Gaussians of variance b / (8 pi²) and integral a."""
    table = np.zeros((2, 256, 5))
    for number in np.unique(structure.element):
        table[:, number] = _scattering_factors(int(number), structure.name)
    integrals = (table[0][structure.element] * scale[:, None]).T.ravel()
    variances = (table[1][structure.element] / (8 * np.pi**2) + variance[:, None]).T.ravel()
    return _normalised(np.tile(structure.xyz, (5, 1)), integrals, variances)


def _scattering_factors(number: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    if number > HEAVIEST:
        element = gemmi.Element(number).name
        raise DataError(f"{name}: {element} has no tabulated electron scattering factor; use `weights='number'`")
    coefficients = np.array(gemmi.Element(number).c4322.get_coefs())
    return coefficients[:5], coefficients[5:]
