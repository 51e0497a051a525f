from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.maps.splat import sigma_of_resolution, splat
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import CUTOFF, MapOptions
from cryotools.simulate.classical.gaussians import atoms_as_gaussians
from cryotools.simulate.layout import grid_around
from cryotools.simulate.methods import METHODS


@pytest.fixture(scope="module")
def protein(trypsin):
    return read_structure(trypsin)


@pytest.mark.parametrize(("resolution", "apix"), [(4.0, 1.5), (2.0, 0.9)])
def test_tails_beyond_the_cut_off_are_below_a_hundred_thousandth_of_the_maximum(protein, resolution, apix):
    gaussians, grid = atoms_as_gaussians(protein, resolution), grid_around(protein, apix, resolution)
    whole, cut = splat(gaussians, grid, cutoff=8.0), splat(gaussians, grid, cutoff=CUTOFF)
    assert np.abs(whole - cut).max() < 1e-5 * whole.max()


@pytest.mark.parametrize("weights", ["number", "electron"])
def test_pdb2mrc_is_molmap_in_another_scale(protein, weights):
    grid = grid_around(protein, 2.0, 6.0)
    options = MapOptions(6.0, weights=weights)
    molmap, pdb2mrc = (METHODS[name](protein, grid, options, None) for name in ("molmap", "pdb2mrc"))
    factor = (2 * np.pi) ** 1.5 * sigma_of_resolution(6.0) ** 3
    assert np.allclose(pdb2mrc, factor * molmap, rtol=1e-5)


def test_a_device_that_is_not_there_is_an_error(protein, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DataError, match="`device` cuda"):
        METHODS["molmap"](protein, grid_around(protein, 3.0, 6.0), MapOptions(6.0, device="cuda"), None)
