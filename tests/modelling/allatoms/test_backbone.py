"""N, C and O from Cα atoms alone, compared with a crystal structure."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling.allatoms.backbone import CIS, TRANS, backbone_from_ca
from cryotools.modelling.allatoms.turns import STATES, turn_odds


@pytest.fixture(scope="module")
def chain(trypsin):
    residues = find_residues(read_structure(trypsin))
    mine = residues.kind == PROTEIN
    return residues.backbone[mine], "".join(residues.letters[mine])


def test_the_backbone_of_a_crystal_structure_is_rebuilt_from_its_alpha_carbons(chain):
    truth, letters = chain
    apart = np.linalg.norm(backbone_from_ca(truth[:, 1], letters) - truth, axis=2)
    n, ca, c, o = np.sqrt(np.mean(apart**2, axis=0))
    assert ca == 0
    assert n < 0.3
    assert c < 0.3
    assert o < 0.75
    assert np.median(apart[:, 3]) < 0.4


def test_density_tells_how_peptides_are_turned(chain):
    truth, letters = chain
    oxygen = truth[:, 3]

    def density(places):  # a Gaussian at each oxygen
        apart = np.linalg.norm(places[:, None] - oxygen, axis=2).min(axis=1)
        return 3 * np.exp(-(apart**2))

    with_density, without = (
        np.linalg.norm(backbone_from_ca(truth[:, 1], letters, given)[:-1, 3] - oxygen[:-1], axis=1)
        for given in (density, None)
    )
    assert np.mean(with_density > 1) < np.mean(without > 1)
    assert np.sqrt(np.mean(with_density**2)) < 0.5


@pytest.mark.parametrize("shape", [TRANS, CIS])
def test_templates_of_peptides_have_ideal_bonds(shape):
    ca, following = np.zeros(2), np.array([shape.length, 0.0])
    c, o, n = (np.array(place) for place in (shape.c, shape.o, shape.n))
    lengths = [np.linalg.norm(a - b) for a, b in ((ca, c), (c, o), (c, n), (n, following))]
    np.testing.assert_allclose(lengths, [1.525, 1.231, 1.336, 1.459], atol=0.005)


def test_turns_are_told_apart_for_all_peptides_but_the_outer_ones(chain):
    odds = turn_odds(chain[0][:, 1])
    assert odds.shape == (len(chain[0]) - 1, STATES)
    assert not odds[[0, -1]].any()
    assert np.all(odds[1:-1].max(axis=1) > 0)
    np.testing.assert_allclose(np.exp(odds[1:-1]).mean(axis=1), 1, atol=0.1)  # probabilities, over uniform ones


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_pieces_have_all_atoms(chain, count):
    assert np.isfinite(backbone_from_ca(chain[0][:count, 1], "A" * count)).all()
