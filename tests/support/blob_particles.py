"""Particles whose volume is a sum of Gaussians, so that projections, CTF and shifts of it are known in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from cryotools.core.files.star import StarTable, write_star
from cryotools.core.maps.stackfile import write_stack
from cryotools.heterogeneity.ctf import CtfParameters, ctf
from cryotools.heterogeneity.fourier import VOLUME, image_frequencies, slice_frequencies, values_of
from cryotools.heterogeneity.poses import rotations_to_euler

BOX, VOXEL, SIGMA = 16, 5.0, 1.2  # pixels, Å, pixels
CENTRES = np.array([[0.0, 0, 0], [3, 0, 1], [-2, 3, 0], [0, -3, -3], [1, 1, 5]])  # x, y, z, pixels from the centre


def closed_form(frequencies: np.ndarray) -> np.ndarray:
    """The transform (...) of the volume at frequencies (..., 3), x, y, z, in cycles per pixel."""
    falloff = np.exp(-2 * (np.pi * SIGMA) ** 2 * (frequencies**2).sum(axis=-1))
    return falloff * np.exp(-2j * np.pi * frequencies @ CENTRES.T).sum(axis=-1)


def volume() -> np.ndarray:
    """The volume (z, y, x)."""
    axis = (np.arange(BOX) - BOX // 2) / BOX
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return values_of(closed_form(np.stack([x, y, z], axis=-1)), VOLUME)


def poses(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (n, 3, 3) and shifts (n, 2) in pixels, up to 1.5."""
    shifts = np.random.default_rng(1).uniform(-1.5, 1.5, (count, 2))
    return Rotation.random(count, random_state=0).as_matrix(), shifts


def write_particles(
    folder: Path,
    count: int = 200,
    *,
    noise: float = 0.0,
    sign: int = -1,
    rotations: np.ndarray | None = None,
    shifts: np.ndarray | None = None,
) -> Path:
    """Write particles.star and particles.mrcs; `rotations` and `shifts` are written instead of the true ones.

    `noise` is the standard deviation of white noise over that of the images; `sign` -1 makes particles light on dark.
    """
    true_rotations, true_shifts = poses(count)
    random = np.random.default_rng(2)
    defocus = random.uniform(8000, 20000, count)
    frequencies = image_frequencies(BOX).reshape(-1, 2)
    parameters = CtfParameters(defocus, defocus, *np.array([[0.0], [300.0], [2.7], [0.1], [0.0]]).repeat(count, 1))
    spectra = closed_form(slice_frequencies(frequencies, true_rotations)) * ctf(parameters, frequencies / VOXEL)
    spectra = spectra * np.exp(2j * np.pi * true_shifts @ frequencies.T)
    images = sign * values_of(spectra.reshape(count, BOX, BOX))
    images = images + noise * images.std() * random.normal(size=images.shape)
    write_stack(folder / "particles.mrcs", images.astype(np.float32), VOXEL, label="made by a test")
    rot, tilt, psi = rotations_to_euler(true_rotations if rotations is None else rotations).T
    x, y = (true_shifts if shifts is None else shifts).T * VOXEL
    columns = {
        "rlnDefocusU": defocus,
        "rlnDefocusV": defocus,
        "rlnDefocusAngle": np.zeros(count),
        "rlnAngleRot": rot,
        "rlnAngleTilt": tilt,
        "rlnAnglePsi": psi,
        "rlnOriginXAngst": x,
        "rlnOriginYAngst": y,
    }
    rows = {key: [f"{value:.6f}" for value in values] for key, values in columns.items()}
    rows |= {"rlnImageName": [f"{k + 1:06d}@particles.mrcs" for k in range(count)], "rlnOpticsGroup": ["1"] * count}
    optics = {"rlnOpticsGroup": "1", "rlnVoltage": "300", "rlnSphericalAberration": "2.7"}
    optics |= {"rlnAmplitudeContrast": "0.1", "rlnImagePixelSize": str(VOXEL), "rlnImageSize": str(BOX)}
    tables = {"optics": StarTable({key: [value] for key, value in optics.items()}), "particles": StarTable(rows)}
    write_star(folder / "particles.star", tables)
    return folder / "particles.star"
