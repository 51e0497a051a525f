"""Every benchmark runs in miniature: a part of a real map, a small simulated one, a tiny network of random weights."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cryotools.core.compute.checkpoint import save_network
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry
from cryotools.sse.network import SECONDARY_STRUCTURE, SecondaryStructure, SecondaryStructureConfig
from cryotools.sse.truth.assign import assign
from cryotools.sse.truth.labels import label_voxels

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"

pytestmark = pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")


@pytest.fixture
def script(monkeypatch):
    """Import a script of this folder; what it imports from here is forgotten afterwards."""
    monkeypatch.syspath_prepend(HERE)
    yield importlib.import_module
    for path in HERE.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    config = SecondaryStructureConfig(width=2, levels=2)
    path = tmp_path_factory.mktemp("weights") / "network.safetensors"
    save_network(path, SecondaryStructure(config), SECONDARY_STRUCTURE, config)
    return str(path)


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    lines = [f"5778_globin,{REAL},{MODEL},3.2,a,0", f"b,{REAL},{MODEL},,b,1"]
    path.write_text("\n".join(["id,map,model,resolution,family,fold", *lines, ""]))
    return str(path)


@pytest.fixture(scope="module")
def globin():
    volume, structure = read_map(REAL), read_structure(MODEL)
    return volume, structure, assign(structure)


def cells(text: str, name: str) -> list[str]:
    """The cells of the line that begins with `name`."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.slow
def test_scores(script, pairs, weights, capsys):
    script("scores").main([pairs, "--weights-of-fold", f"0={weights},1={weights}"])
    text = capsys.readouterr().out
    header, first, second = (cells(text, name) for name in ("map", "5778_globin", "b"))
    assert len(header) == len(first) == len(second)
    others = "DeepMM 0.887 (310 residues, 383 to 752); HaPi 0.742 (310 residues, 383 to 752); ours there -"
    assert first[header.index("Q3 of others")] == others  # globin has no such numbers
    assert second[header.index("Å")] == "-"
    assert " (" in first[header.index("Q3")]
    assert "of 1 maps" in text
    assert len(cells(text, "median, all (2)")) == len(cells(text, "maps"))


def test_a_fold_without_a_network_is_refused(script, pairs, weights):
    with pytest.raises(SystemExit, match="names no network for fold 1"):
        script("scores").main([pairs, "--weights-of-fold", f"0={weights}"])
    with pytest.raises(SystemExit):
        script("scores").main([pairs, "--weights-of-fold", weights])


def test_every_fold_is_judged_by_its_own_network(script, monkeypatch):
    cases = script("cases")
    monkeypatch.setattr(cases, "by_network", lambda weights, *_: lambda entry, volume: weights)
    options = cases.parser(None).parse_args(["list", "--weights", "w", "--weights-of-fold", "0=a,2=b=c"])
    predict = cases.predictor(options)
    entry = Entry("x", "", "", 3.0, "", 0)
    assert [predict(replace(entry, fold=fold), None) for fold in (0, 2)] == ["a", "b=c"]
    plain = cases.predictor(cases.parser(None).parse_args(["list", "--weights", "w"]))
    assert plain(entry, None) == "w"


@pytest.mark.slow
def test_robustness(script, pairs, weights, capsys):
    changes = ["white noise, 0.5 σ", "half of the box", "resolution not given"]
    script("robustness").main([pairs, "--weights", weights, *(part for name in changes for part in ("--only", name))])
    text = capsys.readouterr().out
    assert [cells(text, name)[1] for name in changes] == ["2"] * 3
    assert len(cells(text, changes[0])) == len(cells(text, "change"))


@pytest.mark.slow
def test_a_predictor_that_sees_through_every_change_loses_nothing(script, globin):
    """Labels made from the changed map itself stay right, so every change keeps map and model together."""
    robustness, variations = script("robustness"), script("variations")
    _, structure, residues = globin
    entry = Entry("globin", str(REAL), str(MODEL), 3.2, "", 0)
    models = [structure]

    def recorded(change):
        def make(scene, random):
            made = change(scene, random)
            models.append(made.structure)
            return made

        return make

    def predict(entry, volume):
        classes = label_voxels(volume, models[-1], residues, conflicts="nearest").classes
        return np.stack([classes == one for one in range(4)]).astype(np.float32)

    found = robustness.measure(entry, predict, {name: recorded(each) for name, each in variations.CHANGES.items()})
    assert list(found) == list(variations.CHANGES)
    for name, (before, after) in found.items():
        assert after.q3 > before.q3 - 0.12, name
        assert before.n_dense == after.n_dense, name
    assert found["half of the box"][0].n_residues < found["values halved"][0].n_residues


@pytest.mark.slow
def test_changes_do_what_they_say(script, globin):
    variations = script("variations")
    scene = variations.Scene(globin[0], globin[1], 3.2)
    made = {name: change(scene, np.random.default_rng(0)) for name, change in variations.CHANGES.items()}
    volume, atoms = scene.volume, scene.structure.xyz[scene.volume.grid.contains(scene.structure.xyz)]
    for kind in ("white", "low-passed"):
        added = made[f"{kind} noise, 1 σ"].volume.data - volume.data
        assert added.std() == pytest.approx(volume.sample(atoms).std(), rel=0.05)
    assert made["values halved"].volume.data == pytest.approx(volume.data / 2)
    assert made["B +100 Å²"].volume.data.std() < volume.data.std() < made["B -100 Å²"].volume.data.std()
    assert made["voxels of 2 Å"].volume.voxel_size == (2.0, 2.0, 2.0)
    assert made["half of the box"].volume.grid.n_voxels == volume.grid.n_voxels // 2
    turned = made["rotated by 37°"]
    assert not np.allclose(turned.structure.xyz, scene.structure.xyz, atol=1)
    inner = volume.grid.contains(scene.structure.xyz)
    before = volume.sample(scene.structure.xyz[inner], order=3)
    after = turned.volume.sample(turned.structure.xyz[inner], order=3)
    assert np.corrcoef(before, after)[0, 1] > 0.97
    assert np.isnan(made["resolution not given"].resolution)


@pytest.mark.slow
def test_nucleotides(script, pairs, weights, trypsin, capsys):
    script("nucleotides").main(
        ["--list", pairs, "--weights", weights, "--structures", str(trypsin), "--res", "4", "--method", "molmap"]
    )
    text = capsys.readouterr().out
    simulated = cells(text, "1gbt")
    assert simulated[1:5] == ["223", "0", "-", "-"]
    assert 0 <= float(simulated[5]) <= 1
    assert text.count("| mean |") == 2


def test_nucleotides_are_counted_by_voxel_and_residue(script, globin):
    volume, structure, _ = globin
    never, always = (np.zeros((4, *volume.data.shape), dtype=np.float32) for _ in range(2))
    never[1], always[3] = 1, 1
    measure = script("nucleotides").measure
    found = [measure(maps, volume, structure) for maps in (never, always)]
    assert [each.false_residues for each in found] == [each.false_voxels for each in found] == [0, 1]
    assert found[0].nucleotides == 0
    assert np.isnan(found[0].voxel_f1)


@pytest.mark.slow
def test_speed(script, weights, trypsin, monkeypatch, capsys):
    speed = script("speed")
    monkeypatch.setattr(speed, "TILE", 24)
    tasks = {**speed.TASKS, "haruspex": lambda **how: speed.run_haruspex(**how, tile=24)}
    monkeypatch.setattr(speed, "child", lambda task, **how: tasks[task](**how))
    cases = [f"32:{fill}" for fill in speed.FILLS]
    speed.main(["--weights", weights, "--structure", str(trypsin), "--tiles", "2", "--cases", *cases])
    lines = [line.split("|") for line in capsys.readouterr().out.splitlines() if line.startswith("| 32³")]
    shares = [float(line[3].strip(" %")) for line in lines]
    assert shares[0] == pytest.approx(shares[1], abs=2)
    assert 10 < shares[0] < shares[2]
    assert all(float(line[7]) > 0 for line in lines)


def test_haruspex_takes_a_tile_every_20_voxels(script):
    assert [script("speed").haruspex_tiles(size) for size in (40, 60, 100, 200, 400)] == [1, 8, 64, 729, 6859]


@pytest.mark.slow
def test_a_task_runs_in_a_process_of_its_own(script, trypsin, tmp_path):
    found = script("speed").child("box", path=str(tmp_path / "box.mrc"), structure=str(trypsin), size=24, fill="masked")
    box = read_map(tmp_path / "box.mrc")
    assert box.data.shape == (24, 24, 24)
    assert box.data[0].max() == 0
    assert 0.05 < found["share"] < 0.4


def test_all_of_them_at_once(script, monkeypatch, pairs, weights):
    called = []
    spec = importlib.util.spec_from_file_location("sse_benchmarks", HERE / "__main__.py")
    main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(main)
    for name in main.PARTS:
        monkeypatch.setattr(getattr(main, name), "main", lambda arguments, name=name: called.append((name, arguments)))
    main.main([pairs, "--weights", weights])
    assert called == [
        ("scores", [pairs, "--weights", weights]),
        ("nucleotides", ["--list", pairs, "--weights", weights, "--structures"]),
        ("robustness", [pairs, "--weights", weights]),
        ("speed", ["--weights", weights]),
    ]
