from __future__ import annotations

import numpy as np
import pytest
from small_molecules import molecule

from cryotools.core.maps.splat import sigma_of_resolution
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.fourier import VOLUME, map_grid, spectrum_of
from cryotools.heterogeneity.simulation.density import state_volume

BOX, STEP = 16, 3.0


def test_atoms_are_gaussians_at_their_places_relative_to_the_centre():
    place = np.array([[3.0, -4.5, 7.0]])
    volume = state_volume(molecule({"A": place + 50}), np.full(3, 50.0), BOX, STEP, 15.0)
    assert volume.grid == map_grid(BOX, STEP)
    z, y, x = (np.indices(volume.data.shape) - BOX // 2) * STEP
    square = (x - 3.0) ** 2 + (y + 4.5) ** 2 + (z - 7.0) ** 2
    sigma = sigma_of_resolution(15.0)
    expected = 6 * (2 * np.pi * sigma**2) ** -1.5 * np.exp(-square / (2 * sigma**2))
    assert np.abs(volume.data - expected).max() < 0.01 * expected.max()
    assert volume.data.sum() * STEP**3 == pytest.approx(6, rel=1e-3)


def test_nothing_is_beyond_nyquist_and_nothing_is_aliased():
    structure = molecule({"A": np.array([[0.0, 0, 0], [5.0, 1.0, -6.0]])})
    spectrum = spectrum_of(state_volume(structure, np.zeros(3), BOX, STEP, 6.0).data, VOLUME)
    z, y, x = (np.indices(spectrum.shape) - BOX // 2) / BOX
    frequency = np.sqrt(x**2 + y**2 + z**2)
    assert np.abs(spectrum[frequency >= 0.5]).max() < 1e-5 * np.abs(spectrum).max()
    phases = sum(np.exp(-2j * np.pi * (x * a + y * b + z * c) / STEP) for a, b, c in structure.xyz)
    expected = 6 / STEP**3 * np.exp(-((frequency / STEP * 6.0) ** 2)) * phases
    inside = frequency < 0.5
    assert np.abs(spectrum - expected)[inside].max() < 2e-3 * np.abs(expected).max()


def test_maps_are_brought_to_the_grid_with_the_centre_in_its_middle():
    data = np.zeros((40, 40, 40), dtype=np.float32)
    z, y, x = np.indices(data.shape)
    data[:] = np.exp(-((x - 24) ** 2 + (y - 20) ** 2 + (z - 17) ** 2) / (2 * 3.0**2))
    source = Volume(data, (1.5,) * 3, (7.0, 8.0, 9.0))
    centre = source.grid.index_to_world(np.full(3, 20.0))
    volume = state_volume(source, centre, BOX, STEP, 6.0)
    mean = [np.average(axis, weights=volume.data) for axis in np.indices(volume.data.shape)]
    assert np.allclose(mean, [8 - 1.5, 8, 8 + 2], atol=0.05)
