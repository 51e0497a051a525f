"""The contrast transfer function of particle images.

As in Rohou & Grigorieff (J. Struct. Biol. 192, 216, 2015) and RELION; underfocus is positive, and the contrast at low
frequencies negative.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from cryotools.heterogeneity.fourier import backend_of


@dataclass(frozen=True, eq=False)
class CtfParameters:
    """Parameters of n images, float64 (n,) each.

    Attributes
    ----------
    defocus_u, defocus_v : largest and smallest defocus, Å
    angle : from the x axis to the direction of `defocus_u`, degrees
    voltage : kV
    spherical_aberration : mm
    amplitude_contrast : fraction, 0 to 1
    phase_shift : of a phase plate, degrees
    b_factor : Å², of the envelope; None is 0
    scale : None is 1
    """

    defocus_u: np.ndarray
    defocus_v: np.ndarray
    angle: np.ndarray
    voltage: np.ndarray
    spherical_aberration: np.ndarray
    amplitude_contrast: np.ndarray
    phase_shift: np.ndarray
    b_factor: np.ndarray | None = None
    scale: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, value in (("b_factor", 0.0), ("scale", 1.0)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.full(len(self.defocus_u), value))
        columns = [np.asarray(getattr(self, field.name), dtype=np.float64) for field in fields(self)]
        if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
            raise ValueError("CTF parameters are arrays (n,) of one length")
        for field, column in zip(fields(self), columns, strict=True):
            object.__setattr__(self, field.name, column)

    def __len__(self) -> int:
        return len(self.defocus_u)

    def __getitem__(self, which: np.ndarray | slice) -> CtfParameters:
        """The parameters of the images selected by an index array, a mask or a slice."""
        return CtfParameters(*(getattr(self, field.name)[which] for field in fields(self)))

    @property
    def has_envelope(self) -> bool:
        """Whether a B factor or a scale is given."""
        return bool(np.any(self.b_factor != 0) or np.any(self.scale != 1))

    @property
    def wavelength(self) -> np.ndarray:
        """Relativistic wavelength of the electrons (n,), Å."""
        volts = self.voltage * 1e3
        return 12.2639 / np.sqrt(volts + 0.97845e-6 * volts**2)


def ctf(parameters: CtfParameters, frequencies: Any) -> Any:
    """The contrast transfer function (n, m) of n images.

    Parameters
    ----------
    frequencies : numpy array or torch tensor (m, 2), or (n, m, 2) if each image has its own; (x, y) in 1/Å

    Returns
    -------
    The same kind of array as `frequencies`. It is √(1 - w²) sin γ - w cos γ, where w is the amplitude contrast,
    γ = 2π (¼ Cs λ³ s⁴ - ½ λ Δ(α) s²) - φ, and Δ(α) = ½ (U + V + (U - V) cos 2(α - α₀)) the defocus along the
    frequency's direction α; times scale × exp(-¼ B s²).
    """
    wavelength, lens = parameters.wavelength, parameters.spherical_aberration * 1e7
    direction, contrast = np.deg2rad(2 * parameters.angle), parameters.amplitude_contrast
    mean = 0.5 * (parameters.defocus_u + parameters.defocus_v)
    half = 0.5 * (parameters.defocus_u - parameters.defocus_v)
    along = np.stack([mean, half * np.cos(direction), half * np.sin(direction)]) * -np.pi * wavelength
    fourth, phase = 0.5 * np.pi * lens * wavelength**3, np.deg2rad(parameters.phase_shift)
    # a sine with an offset: √(1 - w²) sin γ - w cos γ = sin(γ - asin w)
    columns = np.stack([*along, fourth, phase + np.arcsin(contrast)])[..., None]

    backend = backend_of(frequencies)
    if backend is not np:
        columns = backend.as_tensor(columns, dtype=frequencies.dtype, device=frequencies.device)
    round_, astigmatic, skew, fourth, offset = columns
    x, y = frequencies[..., 0], frequencies[..., 1]
    square = x * x + y * y
    gamma = round_ * square + astigmatic * (x * x - y * y) + skew * (2 * x * y) + fourth * square * square
    oscillation = backend.sin(gamma - offset)
    return oscillation * _envelope(parameters, square) if parameters.has_envelope else oscillation


def _envelope(parameters: CtfParameters, square: Any) -> Any:
    """Scale × exp(-¼ B s²) of n images at squared frequencies (m,) or (n, m)."""
    backend = backend_of(square)
    columns = np.stack([np.asarray(parameters.scale), -0.25 * np.asarray(parameters.b_factor)])[..., None]
    if backend is not np:
        columns = backend.as_tensor(columns, dtype=square.dtype, device=square.device)
    scale, falloff = columns
    return scale * backend.exp(falloff * square)
