"""Amino acids at a model's residues: which cube of density the network is shown."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cryotools.anchors import evaluate
from cryotools.anchors.frames import FORWARD
from cryotools.anchors.labels import UNKNOWN, residue_truth
from cryotools.anchors.network import TYPES
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.structurefile import read_structure


@pytest.fixture
def shown(monkeypatch, globin):
    """Positions in Å and frames of the cubes that the network is asked about."""
    asked = {}

    def record(network, density, index, axes, resolution, compute):
        asked.update(index=index, axes=axes, shape=density.shape)
        return np.zeros((len(index), TYPES), dtype=np.float32)

    monkeypatch.setattr(evaluate, "types_in_frames", record)
    return asked


@pytest.fixture(scope="module")
def globin():
    data = Path(__file__).parents[1] / "data"
    volume = read_map(data / "emd_3488_crop.mrc.gz")
    return volume, residue_truth(read_structure(data / "5ni1_crop.pdb.gz"))


def centres(volume, asked):
    """The middle of each cube, in Å."""
    prepared = evaluate.prepare_map(volume, 3.2).volume
    return prepared.grid.index_to_world(asked["index"] + FORWARD * asked["axes"][:, 1])


def test_cubes_are_placed_by_the_alpha_carbon_or_by_the_centre_of_mass(globin, shown):
    volume, truth = globin
    detector = SimpleNamespace(types=None, compute=None)
    logits, amino = evaluate.types_at_model(detector, volume, truth, 3.2)
    use = (truth.before >= 0) & (truth.after >= 0) & (truth.amino != UNKNOWN) & volume.grid.contains(truth.ca)
    assert logits.shape == (use.sum(), 20)
    assert amino.tolist() == truth.amino[use].tolist()
    by_ca, axes = centres(volume, shown), shown["axes"]
    evaluate.types_at_model(detector, volume, truth, 3.2, by_mass=True)
    assert centres(volume, shown) == pytest.approx(truth.mass[use], abs=1e-3)
    assert np.array_equal(shown["axes"], axes)
    apart = np.linalg.norm(by_ca - truth.ca[use], axis=1)
    assert apart == pytest.approx(np.full(use.sum(), FORWARD), abs=1e-3)
