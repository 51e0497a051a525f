from __future__ import annotations

import csv
import io
import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sse_network import at_random, by_density

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.resample import resample
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry
from cryotools.sse import predict as prediction
from cryotools.sse.evaluate import (
    Reading,
    annotation_residues_csv_text,
    annotation_scores_csv_text,
    by_files,
    by_network,
    evaluate_list,
    evaluate_pair,
    read_class_maps,
    summary,
)
from cryotools.sse.network import SECONDARY_STRUCTURE, SecondaryStructure, SecondaryStructureConfig
from cryotools.sse.truth.assign import HELIX, NUCLEOTIDE, OTHER, SHEET, assign
from cryotools.sse.truth.labels import label_voxels

DATA = Path(__file__).parents[1] / "data"
GLOBIN = Entry("globin", str(DATA / "emd_3488_crop.mrc.gz"), str(DATA / "5ni1_crop.pdb.gz"), 3.2, "globin", 0)
GRID = Grid((6, 8, 10), (1.0, 1.0, 1.0), (5.0, 0.0, -3.0))
NAMES = {"helix": HELIX, "sheet": SHEET, "nucleotide": NUCLEOTIDE}


@pytest.fixture(scope="module")
def truth():
    """Class maps that say what the model says."""
    volume, structure = read_map(GLOBIN.map), read_structure(GLOBIN.model)
    labels = label_voxels(volume, structure, assign(structure), conflicts="nearest")
    return volume, np.stack([labels.classes == one for one in range(4)]).astype(np.float32)


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    config = SecondaryStructureConfig(width=2, levels=2)
    path = tmp_path / "network.safetensors"
    save_network(path, SecondaryStructure(config), SECONDARY_STRUCTURE, config)
    return path


def written(prefix, grid: Grid, **values) -> str:
    """Class maps in files; each value is a number or an array (nz, ny, nx)."""
    for name, value in values.items():
        data = np.broadcast_to(np.float32(value), grid.shape)
        write_map(f"{prefix}_{name}.mrc", Volume.on(grid, data), label="test")
    return str(prefix)


@pytest.mark.slow
def test_class_maps_in_files_are_scored_against_the_model(truth, tmp_path):
    volume, maps = truth
    prefix = written(tmp_path / "globin", volume.grid, **{name: maps[which] for name, which in NAMES.items()})
    found = evaluate_pair(GLOBIN, by_files(str(tmp_path / "{id}")))
    assert (found.id, found.resolution, found.error) == ("globin", 3.2, "")
    assert found.scores.recall > 0.9
    assert found.scores.precision > 0.9
    assert found.scores.q3 > 0.9 > found.scores.q3_baseline
    assert found.scores.n_residues > 200
    assert read_class_maps(prefix, volume.grid) == pytest.approx(maps)


@pytest.mark.slow
def test_class_maps_may_lie_on_another_grid(truth, tmp_path):
    volume, maps = truth
    finer = Grid(tuple(2 * n - 1 for n in volume.data.shape), tuple(v / 2 for v in volume.voxel_size), volume.origin)
    for name, which in NAMES.items():
        fine = resample(volume.with_data(maps[which]), finer, "linear")
        write_map(tmp_path / f"p_{name}.mrc", fine, label="test")
    assert read_class_maps(str(tmp_path / "p"), volume.grid) == pytest.approx(maps, abs=1e-5)


def test_what_class_maps_do_not_reach_is_other(tmp_path):
    part = Grid((6, 8, 4), GRID.voxel_size, (8.0, 0.0, -3.0))
    maps = read_class_maps(written(tmp_path / "p", part, helix=0.5, sheet=0.25, npair=0.125), GRID)
    assert maps.dtype == np.float32
    assert maps[HELIX, 2, 3].tolist() == [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0]
    assert maps[[OTHER, HELIX, SHEET, NUCLEOTIDE], 2, 3, 4].tolist() == [0.125, 0.5, 0.25, 0.125]
    assert maps[OTHER, 2, 3, 0] == 1
    assert maps.sum(axis=0) == pytest.approx(1)


def test_class_maps_that_exceed_1_together_share_it(tmp_path):
    maps = read_class_maps(written(tmp_path / "p", GRID, helix=0.9, sheet=0.6), GRID)
    assert maps[:, 0, 0, 0] == pytest.approx([0, 0.6, 0.4, 0])


def test_class_maps_that_are_none_are_refused(tmp_path):
    values = np.linspace(0.2, 1.4, GRID.n_voxels).reshape(GRID.shape)
    written(tmp_path / "density", GRID, helix=values, sheet=0)
    written(tmp_path / "elsewhere", replace(GRID, origin=(50.0, 0.0, -3.0)), helix=0.5, sheet=0)
    for prefix, words in (
        ("gone", r"gone_helix\.mrc: no such file"),
        ("density", r"values from 0\.2 to 1\.4"),
        ("elsewhere", "does not overlap the map"),
    ):
        with pytest.raises(DataError, match=words):
            read_class_maps(str(tmp_path / prefix), GRID)


def test_a_network_is_told_the_resolution_where_it_is_known(monkeypatch, truth, weights):
    volume, maps = truth
    told = []

    def annotate(self, volume, resolution=None, progress=None):
        told.append((resolution, self.rotations))
        return prediction.Annotation(volume, maps, None, resolution)

    monkeypatch.setattr(prediction.Annotator, "annotate", annotate)
    predict = by_network(weights, rotations=4)
    for entry in (GLOBIN, replace(GLOBIN, resolution=math.nan)):
        assert predict(entry, volume) is maps
    assert told == [(3.2, 4), (None, 4)]


def test_a_network_that_calls_density_helix_finds_the_helices_of_globin(tmp_path):
    found = evaluate_pair(GLOBIN, by_network(by_density(tmp_path / "density.safetensors")))
    scores = found.scores
    assert scores.n_residues > 200
    assert scores.recall > 0.95
    assert scores.q3 == pytest.approx(scores.q3_baseline, abs=0.05)  # helix is the commonest class
    assert scores.precision == pytest.approx(scores.precision_baseline, abs=0.05)
    assert scores.f1_other < 0.2


@pytest.mark.filterwarnings("ignore:no helix, sheet or nucleic acid is found")
def test_a_network_that_nobody_trained_scores_below_one_class_for_all(tmp_path):
    scores = evaluate_pair(GLOBIN, by_network(at_random(tmp_path / "random.safetensors"))).scores
    assert scores.recall < 0.5
    assert scores.q3 < scores.q3_baseline - 0.2


@pytest.mark.slow
def test_a_networks_scores_are_those_of_the_class_maps_that_it_makes(tmp_path):
    volume = read_map(GLOBIN.map)
    predict = by_network(by_density(tmp_path / "density.safetensors"))
    maps = predict(GLOBIN, volume)
    written(tmp_path / "globin", volume.grid, **{name: maps[which] for name, which in NAMES.items()})
    by_hand = evaluate_pair(GLOBIN, by_files(str(tmp_path / "{id}"))).scores
    assert by_hand.recall == pytest.approx(evaluate_pair(GLOBIN, predict).scores.recall)
    assert by_hand.ece == pytest.approx(evaluate_pair(GLOBIN, predict).scores.ece, abs=1e-3)


def test_missing_weights_and_devices_are_said_before_any_map_is_read(weights, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        by_network(tmp_path / "gone.safetensors")
    with pytest.raises(DataError, match="`device` cuda:99"):
        by_network(weights, Compute("cuda:99"))


def test_errors_of_the_network_and_of_the_scores_name_the_map(truth, weights, tmp_path):
    volume, maps = truth
    write_map(tmp_path / "flat.mrc", volume.with_data(0 * volume.data), label="test")
    flat = replace(GLOBIN, map=str(tmp_path / "flat.mrc"))
    for predict in (by_network(weights), lambda entry, volume: maps):
        with pytest.raises(DataError, match=r"^\S*flat\.mrc: the map is constant"):
            evaluate_pair(flat, predict)


def test_maps_and_models_are_read_as_asked_for(truth, tmp_path):
    volume, _ = truth
    data = -volume.data
    data[0, 0, 0] = 7
    write_map(tmp_path / "map.mrc", replace(volume.with_data(data), voxel_size=(2.0, 2.0, 2.0)), label="test")
    read = Reading(voxel_size=volume.voxel_size[0], invert=True).volume(str(tmp_path / "map.mrc"))
    assert read.same_grid_as(volume)
    assert read.data[0, 0, 0] == -7
    assert np.array_equal(read.data[1:], volume.data[1:])
    with pytest.raises(DataError, match="contains no HELIX or SHEET records"):
        Reading(by_author=True).model(GLOBIN.model)
    with pytest.raises(DataError, match="contains no HELIX or SHEET records"):
        evaluate_pair(GLOBIN, lambda entry, volume: None, Reading(by_author=True))


def test_a_model_beside_its_map_is_refused(truth, tmp_path):
    volume, _ = truth
    write_map(tmp_path / "away.mrc", replace(volume, origin=(500.0, 0.0, 0.0)), label="test")
    with pytest.raises(DataError, match=r"no residue of known class lies in .*away\.mrc"):
        evaluate_pair(replace(GLOBIN, map=str(tmp_path / "away.mrc")), lambda entry, volume: None)


def test_a_broken_pair_does_not_stop_the_rest_and_means_leave_it_out(truth):
    maps = truth[1]
    wrong = np.roll(maps, 1, axis=0)
    answers = {"right": maps, "wrong": wrong}
    entries = [replace(GLOBIN, id="right"), replace(GLOBIN, id="gone", map="gone.mrc"), replace(GLOBIN, id="wrong")]
    found = list(evaluate_list(entries, lambda entry, volume: answers[entry.id]))
    assert [bool(each.error) for each in found] == [False, True, False]
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(annotation_scores_csv_text(found)))}
    assert list(rows)[3:] == ["mean", "mean_low", "mean_high", "median", "median_low", "median_high"]
    assert rows["gone"]["q3"] == ""
    assert "gone.mrc" in rows["gone"]["error"]
    right, wrong = (float(rows[name]["q3"]) for name in ("right", "wrong"))
    assert float(rows["mean"]["q3"]) == pytest.approx((right + wrong) / 2, abs=1e-4)
    assert wrong < float(rows["mean"]["q3"]) < right
    assert (float(rows["mean_low"]["q3"]), float(rows["mean_high"]["q3"])) == pytest.approx((wrong, right), abs=1e-4)
    assert rows["mean"]["resolution_A"] == ""
    assert summary(found)["mean"]["q3"].n == 2
    table = list(csv.DictReader(io.StringIO(annotation_residues_csv_text(found))))
    assert {row["map"] for row in table} == {"right", "wrong"}
    assert {"chain", "residue_number", "assigned", "predicted", "p_helix"} <= table[0].keys()


def test_warnings_of_a_list_name_the_map(truth):
    def predict(entry, volume):
        warnings.warn("the map looks odd", CryotoolsWarning, stacklevel=2)
        return truth[1]

    with pytest.warns(CryotoolsWarning, match="globin: the map looks odd"):
        assert [each.error for each in evaluate_list([GLOBIN], predict)] == [""]


def test_notes_on_the_machine_name_no_map(truth):
    def predict(entry, volume):
        warnings.warn("no GPU found", CryotoolsNote, stacklevel=2)
        return truth[1]

    with pytest.warns(CryotoolsNote, match="^no GPU found"):
        list(evaluate_list([GLOBIN], predict))


def test_one_map_has_no_mean(truth):
    found = [evaluate_pair(GLOBIN, lambda entry, volume: truth[1])]
    assert annotation_scores_csv_text(found).count("\n") == 2
