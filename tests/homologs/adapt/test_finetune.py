"""Fine-tuning fits boxes to a map's conditions, lets few layers learn, and never leaves a worse network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sse_network import by_density

from cryotools.core.compute.checkpoint import load_network, shipped
from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError, UsageError
from cryotools.core.maps import soften
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.adapt.conditions import QueryConditions, query_conditions
from cryotools.homologs.adapt.finetune import FineTune, finetune
from cryotools.homologs.adapt.matched import MatchedExperiment, matched_style
from cryotools.homologs.adapt.task import only_last
from cryotools.homologs.annotate import annotate_with_homologs
from cryotools.homologs.structures import homolog_structures
from cryotools.simulate.boxes import simulate_box, without_solvent
from cryotools.sites.network import BINDING_SITES
from cryotools.sites.predict import SiteLocator
from cryotools.sse.network import SECONDARY_STRUCTURE

ROOT = Path(__file__).parents[3]
TRYPSIN, REAL = ROOT / "examples" / "1gbt.cif", ROOT / "tests" / "data" / "emd_3488_crop.mrc.gz"
SMALL = FineTune(boxes=4, steps=3, batch=1, every=1, device="cpu", learning_rate=1e-3)

pytestmark = pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsNote")


@pytest.fixture(scope="module")
def protein():
    structure = read_structure(TRYPSIN)
    return structure[structure.kind == 1]


def test_noise_and_masks_are_seen(protein):
    volume = read_map(REAL)
    assert query_conditions(volume, 3.2).voxel_size == pytest.approx(max(volume.voxel_size))
    random = np.random.default_rng(0)
    data = np.zeros((96, 96, 96), dtype=np.float32)
    data[30:60, 30:60, 30:60] = random.random((30, 30, 30)) + 1
    noisy = Volume(data + random.normal(0, 0.15, data.shape).astype(np.float32), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    found = query_conditions(noisy, 8.0)
    assert not found.masked
    assert found.noise == pytest.approx(0.15 / 1.5, rel=0.1)
    masked = query_conditions(noisy.with_data(data), 8.0)
    assert masked.masked
    assert np.isnan(masked.noise)


@pytest.mark.slow
@pytest.mark.parametrize("slope", [-150.0, -350.0])
def test_boxes_fall_off_as_the_map_does(protein, slope):
    conditions = QueryConditions(4.5, 1.0, slope, 0.02, False)
    random = np.random.default_rng(1)
    found = []
    for _ in range(4):
        box = simulate_box(
            without_solvent(protein), random, style=matched_style(conditions), experiment=MatchedExperiment(conditions)
        )
        assert box.resolution == pytest.approx(4.5, rel=0.07)
        found.append(soften.slope(box.volume.data, box.resolution, 1.0))
    assert np.mean(found) == pytest.approx(slope, abs=80)  # a box's faces cut the molecule, which raises it


def test_only_the_last_layers_learn_and_statistics_stay():
    network = load_network(shipped("secondary-structure"), [SECONDARY_STRUCTURE])[0]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x, conditions = torch.randn(1, 1, 16, 16, 16), torch.zeros(1, 2)
    expected = network.eval()(x, conditions)
    assert only_last(network, 2) < 0.2 * sum(each.numel() for each in network.parameters())
    assert torch.equal(network.train()(x, conditions), expected), "statistics of a batch are not used"
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    learning = {name for name, each in network.named_parameters() if each.requires_grad}
    assert learning == {"unet.last.weight", "unet.last.bias", *(f"unet.up.1.1.{k}" for k in _CONVOLUTION)}
    with pytest.raises(UsageError, match="layers"):
        only_last(network, 99)


_CONVOLUTION = ("0.weight", "1.weight", "1.bias")


@pytest.mark.learning
@pytest.mark.slow
def test_a_run_leaves_a_network_that_says_what_it_is_made_from_and_goes_on(protein, tmp_path):
    volume = read_map(REAL)
    one, other = replace(protein, name="one.cif"), replace(protein, name="other.cif")
    tuned = finetune(volume, 3.2, [one, other], tmp_path / "run", SMALL)
    assert tuned.learnt_from == ("one.cif",)
    assert tuned.judged_on == ("other.cif",)
    assert tuned.loss_after <= tuned.loss_before
    network, _, about = load_network(tuned.path, [SECONDARY_STRUCTURE])
    assert about["base"] == "secondary-structure"
    assert about["homologs"] == "one.cif"
    base = load_network(shipped("secondary-structure"), [SECONDARY_STRUCTURE])[0].state_dict()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, base[name])}
    assert all(name.startswith(("unet.last", "unet.up.1.1")) for name in changed)
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert card["settings"]["steps"] == 3
    with pytest.raises(UsageError, match="contains a training run"):
        finetune(volume, 3.2, [one, other], tmp_path / "run", SMALL)
    again = finetune(volume, 3.2, [one, other], tmp_path / "run", SMALL, resume=True)
    assert again.loss_after == tuned.loss_after


@pytest.mark.learning
@pytest.mark.slow
def test_a_network_fitted_before_is_taken_from_the_cache(protein, tmp_path):
    volume = read_map(REAL)
    weights = by_density(tmp_path / "net.safetensors")
    asked = {"method": "finetune", "weights": tmp_path / "net.safetensors", "settings": SMALL, "cache": tmp_path}
    assert weights is None or weights
    with pytest.warns(CryotoolsNote, match="one homolog"):
        first = annotate_with_homologs(volume, 3.2, [protein], **asked)
    again = annotate_with_homologs(volume, 3.2, [protein], **asked)
    assert (first.cached, again.cached) == (False, True)
    assert np.array_equal(first.annotation.probabilities, again.annotation.probabilities)
    changed = {**asked, "settings": replace(SMALL, learning_rate=2e-3)}
    assert not annotate_with_homologs(volume, 3.2, [protein], **changed).cached


def test_bad_input_is_named(protein, tmp_path):
    volume = read_map(REAL)
    with pytest.raises(UsageError, match="resolution"):
        finetune(volume, 30.0, [protein], tmp_path / "run", SMALL)
    with pytest.raises(DataError, match="no homologs"):
        finetune(volume, 3.2, [], tmp_path / "run", SMALL)
    with pytest.raises(DataError, match="takes secondary-structure"):
        finetune(volume, 3.2, [protein], tmp_path / "run", replace(SMALL, weights=str(shipped("residue-trace"))))
    with pytest.raises(DataError, match="constant"):
        finetune(volume.with_data(np.ones_like(volume.data)), 3.2, [protein], tmp_path / "run", SMALL)
    assert not (tmp_path / "run").exists()
    with pytest.raises(DataError, match="no such folder"):
        homolog_structures(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.warns(CryotoolsWarning, match="goes on without"):
        assert homolog_structures(tmp_path / "empty") == []


@pytest.mark.learning
@pytest.mark.slow
def test_a_network_of_sites_is_fitted_to_what_homologs_touch(tmp_path):
    entry = read_structure(TRYPSIN)
    tuned = finetune(read_map(REAL), 4.5, [entry], tmp_path / "run", replace(SMALL, task="sites", steps=1))
    _, config, about = load_network(tuned.path, [BINDING_SITES])
    assert about["homologs"].endswith("1gbt.cif")
    assert tuned.loss_after <= tuned.loss_before
    base = load_network(shipped("binding-sites"), [BINDING_SITES])[1]
    assert config == base, "the calibration is that of the base"
    assert not SiteLocator(tuned.path).calibration.borrowed
