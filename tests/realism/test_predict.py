from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import LIGAND, NUCLEIC, PROTEIN, WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.realism.molecules import molecule_of
from cryotools.realism.network import EVALUATOR, Evaluator, EvaluatorConfig
from cryotools.realism.predict import evaluate, residues_csv_text, verdict_csv_text
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network with new weights that says it is 95 % accurate."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "evaluator.safetensors"
    config = EvaluatorConfig(width=4)
    save_network(path, Evaluator(config), EVALUATOR, config, about={"held_out_accuracy": "0.9500"})
    return path


@pytest.fixture(scope="module")
def small(trypsin):
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER][:200]
    grid = grid_around(structure, 1.2, 3.0)
    return structure, Volume.on(grid, molmap_density(structure, grid, MapOptions(3.0)))


@pytest.mark.slow
def test_probabilities_lie_on_the_map_s_grid_where_there_is_density(small, weights):
    _, volume = small
    verdict = evaluate(volume, weights=weights, compute=Compute("cpu"))
    assert verdict.probability.same_grid_as(volume)
    data = verdict.probability.data
    assert 0 <= data.min() <= data.max() <= 1
    assert not data[volume.data < 1e-4 * volume.data.max()].any()
    assert (data[volume.data > 0.5 * volume.data.max()] > 0).all()
    assert verdict.accuracy == 0.95


def test_the_summary_is_that_of_the_map(small, weights):
    _, volume = small
    unit = Volume(volume.data, (1.0, 1.0, 1.0), volume.origin)
    verdict = evaluate(unit, weights=weights, compute=Compute("cpu"))
    judged = verdict.probability.data[verdict.probability.data > 0]
    assert verdict.n_voxels == len(judged)
    assert verdict.mean_probability == pytest.approx(judged.mean(), abs=1e-4)
    assert verdict.fraction_real == pytest.approx((judged > 0.5).mean(), abs=1e-3)


@pytest.mark.slow
def test_residues_share_the_voxels_near_the_structure(small, weights):
    structure, volume = small
    verdict = evaluate(volume, structure, weights=weights, compute=Compute("cpu"))
    assert len(verdict.residues) == structure.residue_index()[-1] + 1
    assert sum(residue.n_voxels for residue in verdict.residues) == verdict.n_voxels
    mean = sum(r.mean_probability * r.n_voxels for r in verdict.residues if r.n_voxels) / verdict.n_voxels
    assert mean == pytest.approx(verdict.mean_probability, abs=1e-4)


def test_the_tables_can_be_read_again(small, weights):
    structure, volume = small
    verdict = evaluate(volume, structure, weights=weights, compute=Compute("cpu"))
    (row,) = csv.DictReader(io.StringIO(verdict_csv_text("a, b.mrc", verdict)))
    assert row["map"] == "a, b.mrc"
    assert float(row["fraction_real"]) == pytest.approx(verdict.fraction_real, abs=1e-4)
    rows = list(csv.DictReader(io.StringIO(residues_csv_text(verdict))))
    assert [int(r["residue_number"]) for r in rows][:2] == list(dict.fromkeys(structure.residue_number))[:2]


def test_a_structure_elsewhere_is_refused(small, weights):
    structure, volume = small
    with pytest.raises(DataError, match="no density above the contour lies within 3 A"):
        evaluate(volume, structure.with_xyz(structure.xyz + 500), weights=weights, compute=Compute("cpu"))


def test_a_discriminator_without_known_accuracy_says_so(small, tmp_path):
    path, config = tmp_path / "unknown.safetensors", EvaluatorConfig(width=4)
    save_network(path, Evaluator(config), EVALUATOR, config)
    with pytest.warns(CryotoolsWarning, match="unknown; do not rely on its verdict"):
        evaluate(small[1], weights=path, compute=Compute("cpu"))
    assert np.isfinite(small[1].data).all()


@pytest.mark.parametrize(
    ("kinds", "molecule"),
    [
        ([PROTEIN] * 20, "protein"),
        ([NUCLEIC] * 20, "nucleic acid"),
        ([NUCLEIC] * 8 + [PROTEIN] * 12, "protein and nucleic acid"),
        ([NUCLEIC] * 1 + [PROTEIN] * 39, "protein"),
        ([LIGAND] * 20, None),
    ],
)
def test_the_class_of_a_molecule_is_that_of_its_polymers(small, kinds, molecule):
    structure = small[0][: len(kinds)]
    assert molecule_of(replace(structure, kind=np.array(kinds, dtype=np.uint8))) == molecule


@pytest.mark.slow
def test_an_accuracy_is_not_claimed_for_molecules_of_another_class(small, tmp_path):
    structure, volume = small
    rna = replace(structure, kind=np.full(len(structure), NUCLEIC, dtype=np.uint8))
    path, config = tmp_path / "proteins.safetensors", EvaluatorConfig(width=4)
    about = {"held_out_accuracy": "0.9500", "held_out_molecules": "protein"}
    save_network(path, Evaluator(config), EVALUATOR, config, about=about)
    known = evaluate(volume, structure, weights=path, compute=Compute("cpu"))
    assert (known.accuracy, known.molecule, known.accuracy_holds_for) == (0.95, "protein", ("protein",))
    assert known.words() == "95% on maps of protein"
    with pytest.warns(CryotoolsWarning, match="measured on maps of protein and is unknown on nucleic acid; do not"):
        verdict = evaluate(volume, rna, weights=path, compute=Compute("cpu"))
    assert np.isnan(verdict.accuracy)
    assert next(csv.DictReader(io.StringIO(verdict_csv_text("a", verdict))))["discriminator_accuracy"] == ""
    assert evaluate(volume, weights=path, compute=Compute("cpu")).accuracy == 0.95


@pytest.mark.slow
def test_rewritten_weights_are_the_ones_used(small, weights, tmp_path):
    path, config = tmp_path / "evaluator.safetensors", EvaluatorConfig(width=4)
    path.write_bytes(weights.read_bytes())
    before = evaluate(small[1], weights=path, compute=Compute("cpu"))
    save_network(path, Evaluator(config), EVALUATOR, config, about={"held_out_accuracy": "0.9100"})
    after = evaluate(small[1], weights=path, compute=Compute("cpu"))
    assert (before.accuracy, after.accuracy) == (0.95, 0.91)
    assert np.abs(after.probability.data - before.probability.data).max() > 1e-3
