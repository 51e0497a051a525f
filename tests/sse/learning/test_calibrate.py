from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.sse.learning.calibrate import (
    BackboneLogits,
    backbone_logits,
    fit_backbone_temperature,
    negative_log_likelihood,
)
from cryotools.sse.truth.assign import assign


def drawn(temperature, seed, residues=3000):
    """Residues of one atom, whose classes are drawn from the logits at a temperature."""
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal((residues, 4))
    probabilities = softmax(logits / temperature, axis=1)
    classes = (probabilities.cumsum(axis=1) < random.random((residues, 1))).sum(axis=1)
    return BackboneLogits(logits, np.arange(residues), classes, np.arange(residues))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_classes_were_drawn_at_is_found(temperature):
    maps = [drawn(temperature, seed) for seed in range(3)]
    found = fit_backbone_temperature(maps)
    assert found == pytest.approx(temperature, rel=0.06)
    best = negative_log_likelihood(maps, found)
    assert best < min(negative_log_likelihood(maps, found * factor) for factor in (0.8, 1.25))


def test_a_residue_has_the_mean_of_its_atoms():
    logits = np.array([[2.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 1.0, 0]])
    one = BackboneLogits(logits, np.array([0, 0, 1]), np.array([0, 2]), np.array([1, 3]))
    expected = softmax(logits, axis=1)
    means = [expected[:2].mean(axis=0), expected[2]]
    np.testing.assert_allclose(one.probabilities(1.0), means)
    every = one.of_residues(4, 1.0)
    np.testing.assert_allclose(every[[1, 3]], means, rtol=1e-6)
    assert np.isnan(every[[0, 2]]).all()


def test_logits_are_taken_where_the_backbone_is(trypsin):
    structure = read_structure(trypsin)
    residues = assign(structure)
    low, high = structure.bounds()
    shape = tuple(np.ceil(high - low).astype(int)[::-1] + 3)
    x = np.arange(shape[2], dtype=np.float32) + np.float32(low[0] - 1)
    volume = Volume(np.broadcast_to(x, shape), (1.0, 1.0, 1.0), tuple(low - 1))
    found = backbone_logits(np.stack([volume.data] * 4), volume, structure, residues)
    assert len(found.classes) == residues.known.sum()
    first = structure.xyz[(residues.of_atom == 0) & np.isin(structure.atom_name, ("N", "CA", "C", "O")), 0]
    np.testing.assert_allclose(np.sort(found.logits[found.residue == 0, 0]), np.sort(first), atol=1e-3)


def test_without_residues_the_temperature_stays():
    assert fit_backbone_temperature([]) == 1.0
