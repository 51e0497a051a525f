"""The calibration on whole proteins is that of the network in use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from site_network import by_density

from cryotools.core.compute.checkpoint import load_network, save_network, shipped
from cryotools.core.errors import CryotoolsNote
from cryotools.sites.confidence import SiteCalibration, calibration_of
from cryotools.sites.network import BINDING_SITES, BindingSitesConfig
from cryotools.sites.predict import SiteLocator

OWN = {
    "whole_scale": (1.5, 2.0, 0.5),
    "whole_offset": (0.1, -0.2, 0.3),
    "whole_exposure": (0.4, 0.0, 0.1),
    "combination": tuple(np.arange(15.0)),
}


def test_a_probability_is_corrected_on_the_scale_of_log_odds():
    one = SiteCalibration(np.array([1.0, 2.0, 1.0]), np.array([0.0, 0.0, -np.log(3)]), np.ones(3), np.zeros((3, 5)))
    assert one.of_whole_proteins(np.array([0.75, 0.75, 0.75])) == pytest.approx([3 / 4, 9 / 10, 1 / 2])
    assert one.of_whole_proteins(np.full((3, 2, 4), 0.5)).shape == (3, 2, 4)
    even = one.of_whole_proteins(np.full((3, 2), 0.5), np.array([0.0, np.log(2)]))
    assert even == pytest.approx(np.array([[1 / 2, 2 / 3], [1 / 2, 4 / 5], [1 / 4, 2 / 5]]))


def test_a_network_brings_its_own_or_borrows_that_of_the_shipped_one():
    mine = calibration_of(BindingSitesConfig(**OWN))
    assert not mine.borrowed
    assert mine.scale.tolist() == [1.5, 2.0, 0.5]
    assert mine.coefficients.tolist() == np.arange(15.0).reshape(3, 5).tolist()
    theirs = calibration_of(load_network(shipped("binding-sites"), [BINDING_SITES])[1])
    part = calibration_of(BindingSitesConfig(**{**OWN, "combination": ()}))
    assert part.borrowed
    assert not theirs.borrowed
    assert part.offset.tolist() == [0.1, -0.2, 0.3]
    assert np.array_equal(part.coefficients, theirs.coefficients)


def test_borrowing_is_said(tmp_path):
    path = by_density(tmp_path / "net.safetensors")
    network, config, _ = load_network(path, [BINDING_SITES])
    assert SiteLocator(path).calibration.scale.tolist() == [1.0] * 3
    save_network(path, network, BINDING_SITES, replace(config, whole_scale=()))
    with pytest.warns(CryotoolsNote, match="was not calibrated on whole proteins"):
        assert SiteLocator(path).calibration.scale.tolist() == SiteLocator().calibration.scale.tolist()


@pytest.mark.parametrize("name", OWN)
def test_numbers_that_do_not_fit_are_refused(name):
    with pytest.raises(ValueError, match=name):
        BindingSitesConfig(**{**OWN, name: (1.0, 2.0)})
