"""`cryotools annotate-sse` as it is called."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from broken_maps import VOXEL, permuted
from sse_network import by_density

from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.write import pdb_text

DATA = Path(__file__).parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    by_density(tmp_path / "net.safetensors")
    return tmp_path


def made(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"net.safetensors", "map.mrc", "flat.mrc", "image.mrc"}


@pytest.mark.slow
def test_a_map_becomes_class_maps_elements_and_a_script(run, folder):
    result = run("annotate-sse", REAL, "out", "--res", 3.2, "--weights", "net.safetensors", "--preview", "out.png")
    assert result.code == 0, result.err
    names = {"helix.mrc", "sheet.mrc", "nucleotide.mrc", "labels.mrc", "elements.csv", "elements.pdb"}
    assert made(folder) == {f"out_{name}" for name in names} | {"out.cxc", "out.png"}
    real = read_map(REAL)
    for name in ("helix", "sheet", "nucleotide", "labels"):
        assert read_map(f"out_{name}.mrc").same_grid_as(real)
        with mrcfile.open(f"out_{name}.mrc") as mrc, mrcfile.open(REAL) as source:
            assert mrc.data.shape == source.data.shape
            assert mrc.voxel_size.x == pytest.approx(float(source.voxel_size.x))
    assert "helices" in result.err
    assert result.out == ""


@pytest.mark.slow
def test_a_model_gets_a_table_and_the_baseline_is_told(run, folder):
    result = run("annotate-sse", REAL, "out", "--structure", MODEL, "--weights", "net.safetensors", "--json")
    assert result.code == 0, result.err
    figures = json.loads(result.out)
    assert f"Q3 {figures['q3']:.3f} (majority class {figures['q3_baseline']:.3f})" in result.err
    rows = list(csv.DictReader(Path("out_residues.csv").read_text().splitlines()))
    scored = [row for row in rows if row["assigned"] and row["predicted"]]
    assert len(scored) == figures["n_residues"]
    right = np.mean([row["assigned"] == row["predicted"] for row in scored])
    assert right == pytest.approx(figures["q3"])  # there are only amino acids
    assert set(figures["outputs"]) == made(folder)


@pytest.mark.slow
def test_an_inverted_map_is_told_and_invert_gives_what_the_map_gives(run, folder):
    real = read_map(REAL)
    write_map("map.mrc", real.with_data(-real.data), label="test")
    assert run("annotate-sse", REAL, "right", "--weights", "net.safetensors", "-q").code == 0
    result = run("annotate-sse", "map.mrc", "wrong", "--weights", "net.safetensors", "-q")
    assert "--invert" in result.err
    result = run("annotate-sse", "map.mrc", "turned", "--weights", "net.safetensors", "-q", "--invert")
    assert "--invert" not in result.err
    assert np.array_equal(read_map("turned_labels.mrc").data, read_map("right_labels.mrc").data)


@pytest.mark.slow
@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 1, 2), (2, 1, 3)])
def test_any_axis_order_and_start_give_the_same_classes_at_the_maps_place(run, folder, axes):
    part = read_map(REAL).crop((6, 4, 2), (28, 32, 36))
    write_map("plain.mrc", Volume(part.data, (VOXEL,) * 3, (-4 * VOXEL, 6 * VOXEL, 10 * VOXEL)), label="test")
    assert run("annotate-sse", "plain.mrc", "plain", "--weights", "net.safetensors", "-q").code == 0
    (folder / "map.mrc").write_bytes(permuted(part.data, axes, nstart=(-4, 6, 10)))
    result = run("annotate-sse", "map.mrc", "out", "--weights", "net.safetensors", "-q")
    assert (result.code, result.err) == (0, "")
    for name in ("helix", "sheet", "nucleotide", "labels"):
        with mrcfile.open(f"out_{name}.mrc") as mrc, mrcfile.open(f"plain_{name}.mrc") as plain:
            assert mrc.data.shape == (28, 32, 36)
            assert (int(mrc.header.mapc), int(mrc.header.mapr), int(mrc.header.maps)) == (1, 2, 3)
            assert [int(mrc.header[f"n{axis}start"]) for axis in "xyz"] == [-4, 6, 10]
            assert [float(mrc.header.origin[axis]) for axis in "xyz"] == pytest.approx([-5.2, 7.8, 13.0], abs=1e-4)
            assert np.array_equal(mrc.data, plain.data)
            assert (np.ptp(mrc.data) > 0.5) == (name != "nucleotide")


@pytest.mark.slow
def test_another_voxel_size_holds_for_every_output(run, folder):
    result = run("annotate-sse", REAL, "out", "--weights", "net.safetensors", "--apix", 1.2, "-q")
    assert result.code == 0, result.err
    with mrcfile.open("out_helix.mrc") as mrc:
        assert float(mrc.voxel_size.y) == pytest.approx(1.2)
    assert "volume #1 voxelSize 1.2,1.2,1.2 origin" in Path("out.cxc").read_text()


@pytest.mark.slow
def test_a_model_without_elements_has_no_recall(run, folder):
    from cryotools.core.structures.structurefile import read_structure

    atoms = read_structure(MODEL)
    sugar = atoms[atoms.residue_number == atoms.residue_number[0]]
    Path("one.pdb").write_text(pdb_text(sugar[sugar.chain == sugar.chain[0]]))
    result = run("annotate-sse", REAL, "out", "-s", "one.pdb", "--weights", "net.safetensors")
    assert result.code == 0, result.err
    assert "recall -, precision" in result.err
    assert "nan" not in result.err


def test_what_exists_is_left_alone_when_asked_for(run, folder):
    Path("out_labels.mrc").write_text("mine")
    result = run("annotate-sse", REAL, "out", "--weights", "net.safetensors", "--no-clobber")
    assert result.code == 0
    assert "kept" in result.err
    assert made(folder) == {"out_labels.mrc"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["map.mrc", "out", "--rotations", "3"], 2, "1, 4 or 24"),
        (["gone.mrc", "out", "--bias", "nan"], 2, "--bias nan: give a finite number"),
        (["map.mrc", "out", "--res", "0"], 2, "--res 0: give a positive number"),
        (["gone.mrc", "out", "--rotations", "3"], 2, "1, 4 or 24"),
        (["gone.mrc", "out", "--device", "cuda:99"], 1, "--device cuda:99"),
        (["gone.mrc", "out", "--weights", "nowhere"], 1, "nowhere: no such file"),
        (["map.mrc", "out.mrc"], 2, "leave out the suffix"),
        (["map.mrc", "gone/out"], 1, "does not exist"),
        (["map.mrc", "out", "--assignment", "author"], 2, "give --structure"),
        (["map.mrc", "out", "--assignment", "author", "-s", "-"], 2, "give a file instead of -"),
        (["map.mrc", "out", "--assignment", "stride", "-s", MODEL], 2, "'author'"),
        (["map.mrc", "out", "-s", MODEL], 1, "no atom lies in the map"),
        (["map.mrc", "out", "--preview", "out.gif"], 2, ".png"),
        (["map.mrc", "out", "--weights", "map.mrc"], 1, "not a safetensors"),
        (["flat.mrc", "out"], 1, "error: flat.mrc: the map is constant"),
        (["image.mrc", "out"], 1, "image, not a volume"),
        (["gone.mrc", "out"], 1, "gone.mrc: "),
    ],
)
def test_what_cannot_be_annotated_is_refused_in_one_line(run, folder, arguments, code, words):
    data = np.zeros((24, 24, 24), dtype=np.float32)
    write_map("flat.mrc", Volume(data.copy(), (1.0, 1.0, 1.0)), label="test")
    data[8:16, 8:16, 8:16] = 1 + np.arange(8)
    write_map("map.mrc", Volume(data, (1.0, 1.0, 1.0), (900.0, 900.0, 900.0)), label="test")
    with mrcfile.new("image.mrc") as image:
        image.set_data(data[10])
    weights = [] if "--weights" in arguments else ["--weights", "net.safetensors"]
    result = run("annotate-sse", *arguments, *weights)
    assert result.code == code
    assert words in result.err
    assert result.err.count("\n") == 1
    assert not made(folder)
