from __future__ import annotations

import numpy as np
import pytest
import torch

from cryotools.heterogeneity.ctf import CtfParameters, ctf


def _parameters(**changes: float | list[float]) -> CtfParameters:
    values = {
        "defocus_u": 15000.0,
        "defocus_v": 15000.0,
        "angle": 0.0,
        "voltage": 300.0,
        "spherical_aberration": 2.7,
        "amplitude_contrast": 0.1,
        "phase_shift": 0.0,
    } | changes
    n = max(np.size(value) for value in values.values())
    return CtfParameters(**{key: np.broadcast_to(np.atleast_1d(value), n) for key, value in values.items()})


def test_the_wavelength_is_relativistic() -> None:
    h, m, e, c = 6.62607015e-34, 9.1093837015e-31, 1.602176634e-19, 299792458.0
    volts = np.array([200e3, 300e3])
    expected = h / np.sqrt(2 * m * e * volts * (1 + e * volts / (2 * m * c**2))) * 1e10
    np.testing.assert_allclose(_parameters(voltage=[200.0, 300.0]).wavelength, expected, rtol=1e-4)


def test_values_at_known_frequencies() -> None:
    values = ctf(_parameters(), np.array([[0.0, 0.0], [0.05, 0.0], [0.0, 0.1], [-0.06, 0.08]]))
    np.testing.assert_allclose(values[0], [-0.1, -0.6625, -0.0796, -0.0796], atol=5e-5)


def test_an_astigmatic_lens_has_its_largest_defocus_along_the_angle() -> None:
    astigmatic = _parameters(defocus_u=18000.0, defocus_v=12000.0, angle=30.0)
    along, across = (np.array([[np.cos(np.deg2rad(a)), np.sin(np.deg2rad(a))]]) * 0.08 for a in (30, 120))
    round_ = np.array([[0.08, 0.0]])
    for frequencies, defocus in ((along, 18000.0), (across, 12000.0)):
        expected = ctf(_parameters(defocus_u=defocus, defocus_v=defocus), round_)
        np.testing.assert_allclose(ctf(astigmatic, frequencies), expected, atol=1e-9)


def test_the_formula_written_out_in_angles() -> None:
    u, v, angle, shift, cs, w = 21000.0, 19500.0, 40.0, 75.0, 2.0, 0.07
    x, y = np.random.default_rng(0).uniform(-0.15, 0.15, size=(2, 50))
    square, direction = x**2 + y**2, np.arctan2(y, x)
    wavelength = 12.2639 / np.sqrt(200e3 + 0.97845e-6 * 200e3**2)
    defocus = 0.5 * (u + v + (u - v) * np.cos(2 * (direction - np.deg2rad(angle))))
    gamma = 2 * np.pi * (-0.5 * defocus * wavelength * square + 0.25 * cs * 1e7 * wavelength**3 * square**2)
    gamma -= np.deg2rad(shift)
    expected = np.sqrt(1 - w**2) * np.sin(gamma) - w * np.cos(gamma)
    parameters = CtfParameters(*np.array([[u], [v], [angle], [200.0], [cs], [w], [shift]]))
    np.testing.assert_allclose(ctf(parameters, np.stack([x, y], axis=1))[0], expected, atol=1e-9)


def test_an_envelope_scales_and_damps_each_image_by_its_own() -> None:
    frequencies = np.random.default_rng(3).uniform(-0.1, 0.1, size=(7, 2))
    damped = _parameters(b_factor=[0.0, 80.0], scale=[0.5, 1.0])
    plain, square = ctf(_parameters(), frequencies)[0], (frequencies**2).sum(axis=1)
    np.testing.assert_allclose(ctf(damped, frequencies), [0.5 * plain, plain * np.exp(-80 * square / 4)])
    values = ctf(damped, torch.from_numpy(frequencies).float())
    assert values.dtype == torch.float32
    np.testing.assert_allclose(values.numpy(), ctf(damped, frequencies), atol=1e-4)
    assert damped.has_envelope
    assert damped[1:].b_factor.tolist() == [80.0]
    assert not _parameters().has_envelope


def test_a_phase_plate_of_ninety_degrees_turns_the_contrast_at_the_origin_to_its_maximum() -> None:
    value = ctf(_parameters(phase_shift=90.0, amplitude_contrast=0.0), np.zeros((1, 2)))
    assert value[0, 0] == pytest.approx(-1)


def test_each_image_may_have_its_own_frequencies() -> None:
    parameters = _parameters(defocus_u=[10000.0, 20000.0], defocus_v=[10000.0, 20000.0])
    frequencies = np.random.default_rng(1).uniform(-0.1, 0.1, size=(2, 7, 2))
    both = ctf(parameters, frequencies)
    for one in (0, 1):
        np.testing.assert_allclose(both[one], ctf(parameters, frequencies[one])[one])


def test_tensors_stay_tensors_of_their_precision() -> None:
    parameters = _parameters(defocus_u=[10000.0, 20000.0], defocus_v=[9000.0, 20000.0], angle=25.0)
    frequencies = np.random.default_rng(2).uniform(-0.1, 0.1, size=(7, 2))
    values = ctf(parameters, torch.from_numpy(frequencies).float())
    assert values.dtype == torch.float32
    np.testing.assert_allclose(values.numpy(), ctf(parameters, frequencies), atol=1e-4)


def test_parameters_are_selected_together() -> None:
    parameters = _parameters(defocus_u=[1.0, 2.0, 3.0], angle=[4.0, 5.0, 6.0])
    part = parameters[np.array([2, 0])]
    assert len(part) == 2
    assert part.defocus_u.tolist() == [3.0, 1.0]
    assert part.angle.tolist() == [6.0, 4.0]


def test_parameters_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        CtfParameters(*(np.ones(2),) * 6, np.ones(3))
