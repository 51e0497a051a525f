"""Examples of binding sites, and a short training run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import DataError
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.boxes import without_solvent
from cryotools.sites.labels import LIGAND_SITE, label_sites
from cryotools.sites.learning.examples import CLASS_UNIT, make_site_example, shown_atoms
from cryotools.sites.learning.tasks import SiteOptions, make_site_task, site_structures
from cryotools.sites.learning.train import SiteTraining
from cryotools.sites.network import BINDING_SITES, BindingSitesConfig

SMALL = ("--steps", 2, "--width", 4, "--batch", 2, "--cube", 16, "--simulated", 1, "--quiet")


def test_a_partner_is_sometimes_removed_and_its_site_stays(trypsin):
    structure = without_solvent(read_structure(trypsin))
    labels = label_sites(structure)
    assert 5 < labels.sites[LIGAND_SITE].sum() < 40
    shown = [shown_atoms(structure, labels, np.random.default_rng(seed)) for seed in range(20)]
    ligand = labels.partner >> LIGAND_SITE & 1 > 0
    assert {bool(one[ligand].any()) for one in shown} == {True, False}
    assert all(one[labels.residues.of_atom >= 0].all() for one in shown)


@pytest.mark.slow
def test_an_example_is_a_labelled_box(trypsin):
    example = make_site_example(read_structure(trypsin), np.random.default_rng(1))
    assert example.density.shape == (64, 64, 64)
    assert example.classes.shape == (4, 64, 64, 64)
    assert np.all(np.abs(example.classes.sum(axis=0, dtype=int) - CLASS_UNIT) <= 4)
    assert not example.sites[~example.on].any()
    assert (example.sites >> LIGAND_SITE & 1).any()
    assert example.on[tuple(example.centres.T)].all()


@pytest.mark.learning
def test_a_run_leaves_a_calibrated_network_and_goes_on_only_as_it_began(run, trypsin, tmp_path):
    given = ("train-sites", trypsin.parent, tmp_path / "run", *SMALL)
    done = run(*given, "--held-out", trypsin.parent, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["n_held_out"] == 1
    assert 0 <= found["held_out_ap"] <= 1
    config = load_network(tmp_path / "run" / "model.safetensors", [BINDING_SITES])[1]
    assert config.offset[LIGAND_SITE] != 0
    assert run(*given, "--held-out", trypsin.parent, "--resume").code == 0
    changed = run(*given, "--resume")
    assert changed.code == 2
    assert "different n_held_out_boxes" in changed.err


@pytest.mark.learning
def test_a_task_can_start_from_weights(run, trypsin, tmp_path):
    assert run("train-sites", trypsin.parent, tmp_path / "run", *SMALL).code == 0
    weights = str(tmp_path / "run" / "model.safetensors")
    options = SiteOptions(SiteTraining(BindingSitesConfig(20), cube=16), tmp_path / "run" / "simulated", 1, weights)
    task = make_site_task(site_structures(str(trypsin.parent)), None, options)
    told, stored = task.networks["sites"].state_dict(), load_network(weights, [BINDING_SITES])[0].state_dict()
    assert task.config.network.width == 4
    assert all(np.array_equal(told[name], stored[name]) for name in stored)


@pytest.mark.parametrize(
    ("content", "words"),
    [("file,complete\n1gbt.cif,maybe\n", "line 2: column complete takes yes or no"), ("file\n", "has no structures")],
)
def test_a_list_that_makes_no_sense_is_refused(run, tmp_path, content, words):
    (tmp_path / "list.csv").write_text(content)
    done = run("train-sites", tmp_path / "list.csv", tmp_path / "run", *SMALL)
    assert done.code == 1
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_cubes_must_fit_the_network(run, trypsin, tmp_path):
    done = run("train-sites", trypsin.parent, tmp_path / "run", "--steps", 1, "--cube", 30, "--simulated", 1)
    assert done.code == 2
    assert "--cube 30: give a multiple of 8, 64 at most" in done.err


@pytest.mark.slow
def test_boxes_of_one_chain_lie_around_it_and_know_its_kinds_of_sites(trypsin):
    structure = read_structure(trypsin)
    chain = str(structure.chain[0])
    example = make_site_example(structure, np.random.default_rng(2), chain=chain)
    assert example.known[example.on].max() == 1 << LIGAND_SITE, "one chain has no interface, and no nucleic acid"
    with pytest.raises(DataError, match="tells nothing"):
        make_site_example(structure[structure.kind == 1], np.random.default_rng(2), chain=chain)
