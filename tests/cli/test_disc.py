"""`cryotools train-disc` and `eval-disc` as they are called."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from small_structures import A, write_pdb

from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume

DATA = Path(__file__).parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_part_of_a_real_map_looks_experimental_and_molmap_does_not(run, folder):
    assert run("struc2map", MODEL, "molmap.mrc", "--method", "molmap", "--res", 3.2, "--like", REAL, "-q").code == 0
    verdicts = {}
    for name in (REAL, "molmap.mrc"):
        verdicts[name] = json.loads(run("eval-disc", name, "--structure", MODEL, "--json", "-q").out)
    assert verdicts[REAL]["fraction_real"] > 0.8
    assert verdicts["molmap.mrc"]["fraction_real"] < 0.2
    assert verdicts[REAL]["discriminator_accuracy"] > 0.9


@pytest.mark.slow
def test_the_accuracy_of_another_class_of_molecule_is_not_claimed(run, folder):
    names = ("P", "O5'", "C5'", "C4'", "C3'", "O3'", "C1'", "N9", "C8", "N7", "C5", "C6", "N1", "C2", "N3", "C4")
    places = np.random.default_rng(0).uniform(-3.5, 3.5, (12, len(names), 3)).round(3)
    guanosines = [
        A(name[0], (6.0 * number + xyz[0], xyz[1], xyz[2]), name, "G", number=number + 1)
        for number, atoms in enumerate(places)
        for name, xyz in zip(names, atoms, strict=True)
    ]
    write_pdb(Path("rna.pdb"), guanosines)
    assert run("struc2map", "rna.pdb", "rna.mrc", "--method", "molmap", "--res", 3, "-q").code == 0
    told = run("eval-disc", "rna.mrc", "--structure", "rna.pdb", "--json")
    verdict = json.loads(told.out)
    assert verdict["discriminator_accuracy"] is None
    assert (verdict["molecule"], verdict["accuracy_holds_for"]) == ("nucleic acid", "protein")
    assert "is unknown on nucleic acid: of two maps of RNA it takes 9 %" in told.err
    assert "own accuracy is unknown on maps of nucleic acid" in told.err
    alone = run("eval-disc", "rna.mrc", "--json")
    assert json.loads(alone.out)["discriminator_accuracy"] == pytest.approx(0.966, abs=1e-3)
    assert "97% on maps of protein, and unknown on others (give --structure" in alone.err
    assert "warning" not in alone.err


@pytest.mark.slow
def test_the_verdict_comes_as_map_and_tables(run, folder):
    result = run("eval-disc", REAL, "real.mrc", "--csv", "-", "--structure", MODEL, "--residues", "residues.csv")
    assert result.code == 0
    (row,) = csv.DictReader(io.StringIO(result.out))
    assert {"map", "fraction_real", "mean_probability", "n_voxels", "discriminator_accuracy"} <= row.keys()
    assert "look experimental" in result.err
    assert read_map("real.mrc").same_grid_as(read_map(REAL))
    rows = list(csv.DictReader(io.StringIO((folder / "residues.csv").read_text())))
    assert sum(int(each["n_voxels"]) for each in rows) == int(row["n_voxels"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["map.mrc", "--residues", "r.csv"], 2, "--residues needs a model"),
        (["map.mrc", "--json", "--csv", "-"], 2, "give one"),
        (["map.mrc", "map.mrc"], 2, "is also the input"),
        (["map.mrc", "out.txt"], 2, "end the name in .mrc"),
        (["flat.mrc", "out.mrc"], 1, "constant"),
        (["map.mrc", "out.mrc", "--contour", "1e9"], 1, "lower --contour"),
        (["map.mrc", "out.mrc", "--weights", "map.mrc"], 1, "not a safetensors"),
        (["gone.mrc", "out.mrc"], 1, "gone.mrc: "),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line(run, folder, arguments, code, words):
    data = np.zeros((24, 24, 24), dtype=np.float32)
    write_map("flat.mrc", Volume(data.copy(), (1.0, 1.0, 1.0)), label="test")
    data[8:16, 8:16, 8:16] = 1 + np.arange(8)
    write_map("map.mrc", Volume(data, (1.0, 1.0, 1.0)), label="test")
    result = run("eval-disc", *arguments)
    assert result.code == code
    assert words in result.err
    assert result.err.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["flat.mrc", "map.mrc"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--fold", "none", "--batch", 3], 2, "give an even number"),
        (["--fold", "none", "--cube", 18], 2, "give a multiple of 4"),
        (["--fold", 7], 1, "no map belongs to fold 7"),
        (["--fold", "none", "--against", "gone.safetensors"], 1, "no such file"),
    ],
)
def test_runs_that_cannot_begin_leave_nothing(run, folder, options, code, words):
    header = "id,map,model,resolution,family,fold\n"
    (folder / "pairs.csv").write_text(f"{header}a,{REAL},{MODEL},3.2,globin,0\n")
    assert run("curate", "pairs.csv", "set", "-q").code == 0
    result = run("train-disc", "set", "out", *options)
    assert result.code == code
    assert words in result.err
    assert not (folder / "out").exists()
