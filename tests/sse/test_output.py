from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from cryotools.core.errors import DataError, UsageError
from cryotools.core.maps.levels import Levels
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.sse.elements.find import Element, find_elements
from cryotools.sse.output import chimerax_script, output_files, write_files
from cryotools.sse.predict import Annotation
from cryotools.sse.score import ResidueScores
from cryotools.sse.truth.assign import HELIX, NUCLEOTIDE, SHEET, assign
from cryotools.view.chimerax import MapSource

MODEL = Path(__file__).parents[1] / "data" / "5ni1_crop.pdb.gz"


def annotation(origin=(12.0, -9.0, 30.0), voxel_size=(1.5, 1.5, 1.5)) -> Annotation:
    """A helix along x, a sheet below it and a piece of nucleotide, in noise."""
    shape = (20, 22, 40)
    probabilities = np.zeros((4, *shape), dtype=np.float32)
    probabilities[HELIX, 12:17, 9:14, 4:36] = 0.9
    probabilities[SHEET, 3:6, 4:18, 4:24] = 0.8
    probabilities[NUCLEOTIDE, 3:8, 4:18, 30:36] = 0.7
    probabilities[0] = 1 - probabilities.sum(axis=0)
    data = np.random.default_rng(0).normal(size=shape)
    return Annotation(Volume(data, voxel_size, origin), probabilities, Levels(0.1, 2.0, 10.0, None), 3.0)


def test_maps_lie_where_the_input_lies_as_a_second_reader_sees_them(tmp_path):
    files, found = output_files(str(tmp_path / "out")), annotation()
    names = write_files(files, found, [], script="", label="test")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(Path(name).name for name in names)
    for name in [*files.class_maps.values(), files.labels]:
        with mrcfile.open(name) as mrc:
            assert mrc.data.shape == (20, 22, 40)
            assert [float(mrc.voxel_size[axis]) for axis in "xyz"] == pytest.approx([1.5] * 3)
            assert [float(mrc.header.origin[axis]) for axis in "xyz"] == [12.0, -9.0, 30.0]
            assert [int(mrc.header[f"n{axis}start"]) for axis in "xyz"] == [8, -6, 20]
        assert mrcfile.validate(name)
    with mrcfile.open(files.labels) as mrc:
        assert np.array_equal(mrc.data, found.labels)
        assert "0 other, 1 helix, 2 sheet, 3 nucleotide" in str(mrc.header.label[1])
    for which, name in files.class_maps.items():
        with mrcfile.open(name) as mrc:
            assert np.array_equal(mrc.data, found.probabilities[which])


def test_an_origin_between_voxels_is_kept(tmp_path):
    files = output_files(str(tmp_path / "out"))
    write_files(files, annotation((0.3, 0.4, 0.5)), [], script="", label="test")
    with mrcfile.open(files.labels) as mrc:
        assert [float(mrc.header.origin[axis]) for axis in "xyz"] == pytest.approx([0.3, 0.4, 0.5])


def test_elements_are_a_table_and_pseudo_atoms_with_confidence_as_b_factor(tmp_path):
    files, found = output_files(str(tmp_path / "out")), annotation()
    elements = find_elements(found.probabilities, found.volume.grid)
    write_files(files, found, elements, script="", label="test")
    helix, sheet = csv.DictReader(Path(files.elements).read_text().splitlines())
    assert (helix["class"], sheet["class"]) == ("helix", "sheet")
    length = float(helix["length_A"])
    assert 40 < length < 52
    assert int(helix["residues_expected"]) == round(length / 1.5)
    ends = [[float(helix[f"{end}_{axis}_A"]) for axis in "xyz"] for end in ("start", "end")]
    assert np.linalg.norm(np.subtract(*ends)) == pytest.approx(length, rel=0.03)
    assert float(sheet["confidence"]) == pytest.approx(0.8, abs=0.01)
    atoms = read_structure(files.pseudo_atoms)
    assert atoms.b_factor[atoms.chain == "H"] == pytest.approx(90, abs=1)
    text = Path(files.pseudo_atoms).read_text()
    assert "confidence x 100" in text
    assert text.count("CONECT") == (atoms.chain == "H").sum()


def test_no_elements_leave_a_header_and_no_atoms(tmp_path):
    files = output_files(str(tmp_path / "out"))
    write_files(files, annotation(), [], script="", label="test")
    assert Path(files.elements).read_text().startswith("element,class,chain,first_residue")
    assert Path(files.pseudo_atoms).read_text().endswith("END\n")


def scores() -> ResidueScores:
    residues = assign(read_structure(MODEL))
    probabilities = np.zeros((len(residues), 4), dtype=np.float32)
    probabilities[np.arange(len(residues)), residues.classes] = 1
    probabilities[5] = np.nan
    return ResidueScores(residues, probabilities, np.full(len(residues), 2.5))


def test_residues_are_a_table(tmp_path):
    files, found = output_files(str(tmp_path / "out")), scores()
    write_files(files, annotation(), found, script="", label="test")
    rows = list(csv.DictReader(Path(files.residues).read_text().splitlines()))
    assert len(rows) == len(found.residues)
    names = ["chain", "residue_number", "insertion_code", "residue_name", "assigned", "predicted"]
    assert list(rows[0]) == [*names, "p_helix", "p_sheet", "p_nucleotide", "p_other", "density_sigma"]
    assert rows[5]["predicted"] == rows[5]["p_helix"] == ""
    assert all(row["assigned"] == row["predicted"] for at, row in enumerate(rows) if at != 5 and row["assigned"])
    assert not Path(files.elements).exists()


def test_a_failed_write_leaves_nothing_new(tmp_path):
    files = output_files(str(tmp_path / "out"))
    before = Path(files.class_maps[HELIX])
    before.write_text("mine")
    wrong = replace(annotation(), probabilities=np.full((4, 20, 22, 40), np.nan, dtype=np.float32))
    with pytest.raises(DataError, match="NaN or infinite"):
        write_files(files, wrong, [], script="", label="test")
    assert [path.name for path in tmp_path.iterdir()] == [before.name]
    far = Element(HELIX, np.full((5, 3), 20_000.0), np.ones(5), 6.0)
    with pytest.raises(DataError, match="PDB"):
        write_files(files, annotation(), [far], script="", label="test")
    assert [path.name for path in tmp_path.iterdir()] == [before.name]


def test_a_failed_write_leaves_all_files_of_an_earlier_run(tmp_path):
    files = output_files(str(tmp_path / "out"))
    write_files(files, annotation(), [], script="old", label="test")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    wrong = replace(annotation(), probabilities=np.full((4, 20, 22, 40), np.nan, dtype=np.float32))
    with pytest.raises(DataError, match="NaN or infinite"):
        write_files(files, wrong, [], script="new", label="test")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_script_opens_files_beside_it_and_colours_them(tmp_path):
    folder = tmp_path / "my results"
    folder.mkdir()
    files, found = output_files(str(folder / "out")), annotation()
    elements = find_elements(found.probabilities, found.volume.grid)
    lines = chimerax_script(files, found, elements, MapSource(str(tmp_path / "the map.mrc"))).splitlines()
    opened = [line.split('"')[1] for line in lines if line.startswith("open ")]
    assert opened == [
        "../the map.mrc",
        "out_helix.mrc",
        "out_sheet.mrc",
        "out_nucleotide.mrc",
        "out_labels.mrc",
        "out_elements.pdb",
    ]
    assert any(line.startswith("volume #1 ") and "level 1.1 " in line and line.endswith("#b2b2b2") for line in lines)
    for number, colour in ((2, "red"), (3, "blue"), (4, "orange")):
        assert any(line.startswith(f"volume #{number} ") and line.endswith(f"color {colour}") for line in lines)
    assert "color #6/H red" in lines
    assert not any("voxelSize" in line for line in lines)
    placed = chimerax_script(files, found, [], MapSource("map.mrc", placed=True)).splitlines()
    assert "volume #1 voxelSize 1.5,1.5,1.5 origin 12,-9,30" in placed
    inverted = chimerax_script(files, found, [], MapSource("map.mrc", inverted=True))
    assert "level -1.1 " in inverted
    assert "elements.pdb" not in inverted


def test_the_script_colours_a_model_by_what_the_map_shows(tmp_path):
    found = scores()
    files = output_files(str(tmp_path / "out"))
    script = chimerax_script(files, annotation(), found, MapSource("map.mrc"), "model.pdb")
    assert 'model.pdb"' in script
    coloured = [line for line in script.splitlines() if line.startswith("color #6/")]
    named = {}
    for line in coloured:
        place, colour = line.removeprefix("color #6/").split(" ")
        chain, numbers = place.split(":")
        for part in numbers.split(","):
            first, _, last = part.partition("-")
            named |= {(chain, number): colour for number in range(int(first), int(last or first) + 1)}
    r = found.residues
    for at in range(len(r)):
        expected = {HELIX: "red", SHEET: "blue"}.get(int(r.classes[at])) if at != 5 else None
        assert named.get((r.chain[at], int(r.residue_number[at]))) == expected


def test_residues_are_named_as_chimerax_names_them(tmp_path):
    found = scores()
    r = found.residues
    first = np.flatnonzero((r.chain == r.chain[0]) & (r.classes == HELIX))[3:8]
    assert np.array_equal(first, np.arange(6, 11) + first[0] - 6)
    number, code = r.residue_number.copy(), r.insertion_code.astype("U1")
    number[first], code[first] = [10, 11, 11, 12, 13], ["", "", "A", "", ""]  # 14 and more follow
    r = replace(r, residue_number=number, insertion_code=code)
    for chain, name in (("", "#6:"), ("Q", "#6/Q:")):
        odd = replace(found, residues=replace(r, chain=np.where(r.chain == r.chain[0], chain, r.chain)))
        files = output_files(str(tmp_path / "out"))
        script = chimerax_script(files, annotation(), odd, MapSource("map.mrc"), "m.pdb")
        (line,) = [line for line in script.splitlines() if line.startswith(f"color {name}") and line.endswith(" red")]
        assert ",10,11,11A,12-" in line
        assert "#6/:" not in script


@pytest.mark.parametrize("prefix", ["-", "folder/", "..", "out.mrc", "out.MRC.gz", ""])
def test_prefixes_that_cannot_begin_a_name_are_refused(prefix):
    with pytest.raises(UsageError):
        output_files(prefix)
