"""All atoms of planned chains."""

from __future__ import annotations

import numpy as np

from cryotools.core.maps.volume import Volume
from cryotools.core.structures.residues import find_residues
from cryotools.modelling.allatoms.fullatoms import full_atoms
from cryotools.modelling.chains.plan import ChainPlan


def test_unknown_residues_keep_their_places_and_their_geometry():
    turn = np.radians(100) * np.arange(10)
    ca = np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(10)], axis=1)
    plan = ChainPlan("", np.arange(10), np.arange(10), ca, "X" * 10, np.ones(10))
    grid = np.stack(np.meshgrid(*(np.arange(30.0),) * 3, indexing="ij"), axis=-1)[..., ::-1] - 10
    data = np.exp(-((grid[..., None, :] - ca) ** 2).sum(axis=-1) / 8).sum(axis=-1).astype(np.float32)
    structure, bonded = full_atoms([plan], Volume(data, (1.0, 1.0, 1.0), (-10.0, -10.0, -10.0)))
    assert set(structure.residue_name) == {"UNK"}
    assert bonded.tolist() == [True] * 9 + [False]
    n, _, c, _ = find_residues(structure).backbone.transpose(1, 0, 2)
    np.testing.assert_allclose(np.linalg.norm(n[1:] - c[:-1], axis=1), 1.33, atol=0.05)
    np.testing.assert_allclose(find_residues(structure).ca, ca, atol=1.0)
