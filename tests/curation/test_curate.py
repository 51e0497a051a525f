from __future__ import annotations

import csv
from dataclasses import replace
from html import escape

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryotools.core.errors import DataError
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.curate import DROPPED, FAILED, KEPT, Rules, curate, curate_entry, reported_resolution
from cryotools.curation.pairlist import Entry, read_list
from cryotools.curation.report import thumbnail, write_page, write_report
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.training.pairs import load_folder, load_pair, save_pair


@pytest.fixture(scope="module")
def protein(trypsin):
    structure = read_structure(trypsin)
    return structure[structure.kind != WATER]


@pytest.fixture(scope="module")
def volume(protein):
    """A map of trypsin at 4 Å on voxels of 1.3 Å, with a little noise."""
    grid = grid_around(protein, 1.3, 4.0)
    density = molmap_density(protein, grid, MapOptions(4.0))
    noise = gaussian_filter(np.random.default_rng(0).standard_normal(grid.shape), 1.0)
    return Volume.on(grid, density + 0.2 * density.std() * noise / noise.std())


@pytest.fixture
def entry(tmp_path, trypsin, volume):
    write_map(tmp_path / "map.mrc", volume, label="test")
    return Entry("1gbt", str(tmp_path / "map.mrc"), str(trypsin), 4.0, "serine protease", 2)


def test_a_good_pair_is_kept_on_voxels_of_1_angstrom_at_whole_positions(entry, protein):
    pair, verdict = curate_entry(entry, Rules())
    assert verdict.status == KEPT
    assert verdict.correlation > 0.95
    assert verdict.backbone_sigma > verdict.control_sigma + 2
    assert pair.target.voxel_size == (1, 1, 1)
    assert np.array_equal(pair.target.origin, np.rint(pair.target.origin))
    near = near_points(pair.target.grid, protein.xyz, 3)
    assert np.percentile(pair.target.data[near], 99) == pytest.approx(1, rel=1e-3)
    exact = molmap_density(protein, pair.target.grid, MapOptions(4.0))
    assert np.corrcoef(pair.target.data[near], exact[near])[0, 1] > 0.97


def test_a_model_in_the_wrong_place_is_dropped_with_its_reason(entry, tmp_path, volume):
    shifted = replace(volume, origin=tuple(np.array(volume.origin) + 6.0))
    write_map(tmp_path / "map.mrc", shifted, label="test")
    _, verdict = curate_entry(entry, Rules())
    assert verdict.status == DROPPED
    assert "correlation with molmap" in verdict.reason
    _, lenient = curate_entry(entry, Rules(min_correlation=0.0))
    assert "the backbone density exceeds" in lenient.reason


def test_density_that_no_atom_explains_does_not_count(entry, tmp_path, volume):
    blob = np.zeros(volume.data.shape, dtype=np.float32)
    blob[5, 5, 5] = 300.0
    write_map(tmp_path / "map.mrc", volume.with_data(volume.data + gaussian_filter(blob, 1.5)), label="test")
    pair, verdict = curate_entry(entry, Rules())
    at = np.rint(pair.target.world_to_index(volume.grid.index_to_world(np.array([5, 5, 5])))).astype(int)
    assert pair.weight[tuple(at[::-1])] == 0
    assert 0 < verdict.unmodelled_fraction < 0.02
    assert pair.weight[near_points(pair.target.grid, pair.structure.xyz, 4)].all()


def test_a_broken_entry_fails_alone(entry, tmp_path):
    broken = replace(entry, id="broken", map=str(tmp_path / "absent.mrc"))
    far = replace(entry, id="far", model=str(tmp_path / "far.pdb"))
    (tmp_path / "far.pdb").write_text(
        f"{'ATOM      1  CA  ALA A   1     900.000 900.000 900.000  1.00 20.00           C':80}\n"
    )
    verdicts = list(curate([broken, entry, far], tmp_path / "set", Rules()))
    assert [v.status for v in verdicts] == [FAILED, KEPT, FAILED]
    assert "no such file" in verdicts[0].reason
    assert "do not overlap" in verdicts[2].reason
    assert [pair.id for pair in load_folder(tmp_path / "set")] == ["1gbt"]
    write_report(tmp_path / "report.csv", verdicts)
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["status"] for row in rows] == ["failed", "kept", "failed"]
    assert float(rows[1]["correlation"]) == pytest.approx(verdicts[1].correlation, rel=1e-3)


@pytest.mark.slow
def test_what_is_odd_about_the_files_is_in_the_report_of_each_pair_and_nowhere_else(run, entry, tmp_path, trypsin):
    odd_map = bytearray((tmp_path / "map.mrc").read_bytes())
    odd_map[208:212] = b"<M> "  # in place of MAP
    (tmp_path / "odd.mrc").write_bytes(odd_map)
    (tmp_path / "far.pdb").write_text(
        f"{'ATOM      1  CA  ALA A   1     900.000 900.000 900.000  1.00 20.00           C':80}\n"
    )
    lines = ["id,map,model,resolution,family", f"good,{entry.map},{trypsin},4,p", f"odd,odd.mrc,{trypsin},4,p"]
    lines.append("failed,odd.mrc,far.pdb,4,q")
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    done = run("curate", tmp_path / "pairs.csv", tmp_path / "set")
    assert done.code == 1
    assert "2 of 3 pairs kept, 2 with warnings" in done.err
    assert "warning:" not in done.err
    rows = list(csv.DictReader((tmp_path / "set/report.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["status"] for row in rows] == ["kept", "kept", "failed"]
    good, odd, failed = (row["warnings"] for row in rows)
    assert good == ""
    assert odd.startswith(f"{tmp_path / 'odd.mrc'}: ")
    assert "MAP" in odd
    assert failed == odd
    page = (tmp_path / "set/report.html").read_text(encoding="utf-8")
    assert "2 with warnings" in page
    assert page.count(escape(odd)) == 2
    json = run("curate", tmp_path / "pairs.csv", tmp_path / "set", "--json")
    assert '"with_warnings": 2' in json.out


def test_the_page_shows_every_entry_with_text_escaped_and_pictures_inside(entry, tmp_path):
    far = replace(entry, id="far & away", map=str(tmp_path / "<absent>.mrc"))
    unlike = replace(entry, id="unlike")
    verdicts = [*curate([far, entry], tmp_path, Rules()), *curate([unlike], tmp_path, Rules(min_correlation=1.0))]
    write_page(tmp_path / "report.html", verdicts)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    rows = [row.split("</tr>")[0] for row in page.split("<tr>")[2:]]
    assert [row.count("<td") for row in rows] == [12, 12, 12]
    failed, dropped, kept = rows
    assert "far &amp; away" in failed
    assert "&lt;absent&gt;.mrc: no such file" in failed
    assert "unlike" in dropped
    assert "is below 1<" in dropped
    assert f"<td>{verdicts[1].correlation:.3g}</td>" in kept
    assert "nan" not in page
    assert ["data:image/png;base64," in row for row in rows] == [False, True, True]


def test_a_map_that_is_0_at_the_atoms_is_dropped_and_its_page_says_why(entry, tmp_path):
    empty = read_map(entry.map)
    write_map(tmp_path / "empty.mrc", empty.with_data(np.zeros(empty.data.shape)), label="test")
    (verdict,) = curate([replace(entry, map=str(tmp_path / "empty.mrc"))], tmp_path, Rules())
    assert (verdict.status, verdict.reason) == ("dropped", "the map is 0 at all atoms")
    write_page(tmp_path / "report.html", [verdict])
    write_report(tmp_path / "report.csv", [verdict])
    for name in ("report.html", "report.csv"):
        assert "nan" not in (tmp_path / name).read_text(encoding="utf-8")


def test_a_thumbnail_is_a_picture_of_the_section_with_atoms_in_orange(entry, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    pair, _ = curate_entry(entry, Rules())
    (tmp_path / "small.png").write_bytes(thumbnail(pair.target, pair.structure))
    pixels = image.imread(tmp_path / "small.png")
    assert pixels.shape[:2] == pair.target.data.shape[1:]
    orange = np.ptp(pixels[..., :3], axis=2) > 0.1
    middle = np.rint(pair.structure.xyz[:, 2].mean())
    near = pair.structure.xyz[np.abs(pair.structure.xyz[:, 2] - middle) < 1]
    x, y, _ = np.rint(pair.target.world_to_index(near)).astype(int).T
    expected = np.zeros_like(orange)
    expected[len(orange) - 1 - y, x] = True  # y grows upwards
    assert np.array_equal(orange, expected)
    wide = Volume(np.zeros((3, 500, 700), dtype=np.float32), (1, 1, 1))
    (tmp_path / "wide.png").write_bytes(thumbnail(wide, pair.structure))
    assert image.imread(tmp_path / "wide.png").shape[:2] == (167, 234)


def test_a_pair_comes_back_as_it_was_saved(entry, tmp_path):
    pair, _ = curate_entry(entry, Rules())
    save_pair(tmp_path / "pair.npz", pair)
    back = load_pair(tmp_path / "pair.npz")
    assert (back.id, back.resolution, back.family, back.fold) == ("1gbt", 4.0, "serine protease", 2)
    assert back.target.same_grid_as(pair.target)
    assert np.abs(back.target.data - pair.target.data).max() < 1e-3 * np.abs(pair.target.data).max()
    assert np.array_equal(back.weight, pair.weight)
    assert np.array_equal(back.structure.xyz, pair.structure.xyz)
    assert back.structure.atom_name.tolist() == pair.structure.atom_name.tolist()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no", b"text"])
def test_damaged_pairs_are_one_clear_error(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match="damaged or not a curated pair"):
        load_folder(tmp_path)


def test_an_empty_folder_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="contains no curated pairs"):
        load_folder(tmp_path)


def test_families_are_dealt_to_folds_and_paths_are_relative_to_the_list(tmp_path):
    rows = [f"m{i},maps/{i}.mrc,{i}.pdb,3.{i},family{i // 2}" for i in range(6)]
    (tmp_path / "pairs.csv").write_text(
        "\ufeffid,map,model,resolution,family\n" + "\n".join(rows) + "\n", encoding="utf-8"
    )
    entries = read_list(tmp_path / "pairs.csv")
    assert [entry.fold for entry in entries] == [0, 0, 1, 1, 2, 2]
    assert entries[1].map == str(tmp_path / "maps" / "1.mrc")


def test_ids_may_stand_for_files_and_the_resolution_may_be_left_to_the_model(tmp_path):
    (tmp_path / "3490").write_text("a map of this very name")
    (tmp_path / "pairs.csv").write_text(
        "id,map,model,resolution,family,emdb,pdb\n"
        "a,,,,globin,3488,5NI1\n"
        "b,EMD-3489,5ni2,3.2,globin,,\n"
        "c,3490,c.cif,3.3,globin,,\n"
        "d,d.mrc,d.cif,3.3,globin,EMD-0001,1abc\n"
    )
    a, b, c, d = read_list(tmp_path / "pairs.csv")
    assert (a.map, a.model, a.emdb, a.pdb) == ("", "", "EMD-3488", "5ni1")
    assert np.isnan(a.resolution)
    assert (b.map, b.model, b.emdb, b.pdb, b.resolution) == ("", "", "EMD-3489", "5ni2", 3.2)
    assert (c.map, c.emdb) == (str(tmp_path / "3490"), "")
    assert (d.map, d.emdb, d.pdb) == (str(tmp_path / "d.mrc"), "EMD-0001", "1abc")
    (tmp_path / "pairs.csv").write_text("id,resolution,family,emdb,pdb\na,,globin,3488,5NI1\n")
    assert str(read_list(tmp_path / "pairs.csv")) == str([a])  # NaN is not equal to itself


def test_the_resolution_is_the_reconstructions(tmp_path):
    path = tmp_path / "model.cif"
    path.write_text("data_5NI1\n_em_3d_reconstruction.resolution   3.2\n_refine.ls_d_res_high 9\n")
    assert reported_resolution(path) == 3.2
    for text in ("data_X\n_em_3d_reconstruction.resolution ?\n", "HEADER    OXYGEN TRANSPORT\n"):
        path.write_text(text)
        with pytest.raises(DataError, match=r"does not give the map's resolution .* give it in the list"):
            reported_resolution(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is an empty file"),
        ("id,map,model,resolution,family\n", "the list is empty"),
        ("id;map;model;resolution;family\na;b;c;3,2;d\n", r"line 2: 3,2 is not a number; write 3\.2, with a point"),
        ("id,map,model,resolution,family,fold\na,b,c,3,d,one\n", "line 2: fold one is not a whole number"),
        ("id,model,resolution,family\na,c,3,d\n", "column map or emdb is missing"),
        ("id,map,model,family\na,b,c,d\n", "line 1: column resolution is missing"),
        ("id,map,model,resolution,family\na,b,c,3.1,d\na2,b,c,three,d\n", "line 3: three is not a number"),
        ("id,map,model,resolution,family\na,b,c,-3,d\n", "line 2: resolution -3 is not positive"),
        ("id,map,model,resolution,family\na,b,c,nan,d\n", "line 2: resolution nan is not positive"),
        ("id,map,model,resolution,family\na,b,c,3,d\na,b,c,3,d\n", "IDs repeat"),
        ("id,map,model,resolution,family\na/b,b,c,3,d\n", "line 2: id 'a/b' cannot be used as a file name"),
        ("id,map,model,resolution,family\na,b\n", "line 2: neither model nor pdb is given"),
        ("id,map,model,resolution,family,emdb\na,,c,3,d,\n", "line 2: neither map nor emdb is given"),
        ("id,model,resolution,family,emdb\na,c,3,d,x1\n", "line 2: emdb x1 is not a valid ID; write it like EMD-3488"),
    ],
)
def test_mistakes_in_the_list_are_named(tmp_path, text, message):
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_list(tmp_path / "pairs.csv")


@pytest.mark.slow
def test_the_command_reports_keeps_and_exits_1_when_an_entry_failed(run, entry, tmp_path):
    line = f"1gbt,{entry.map},{entry.model},4.0,protease\n"
    (tmp_path / "pairs.csv").write_text("id,map,model,resolution,family\n" + line)
    good = run("curate", tmp_path / "pairs.csv", tmp_path / "set")
    assert (good.code, good.out) == (0, "")
    assert "1 of 1 pairs kept" in good.err
    assert (tmp_path / "set" / "report.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "pairs.csv").write_text("id,map,model,resolution,family\n" + line + "gone,gone.mrc,gone.pdb,3,other\n")
    bad = run("curate", tmp_path / "pairs.csv", tmp_path / "set", "--json")
    assert bad.code == 1
    assert '"kept": 1, "dropped": 0, "failed": 1' in bad.out
    part = run("curate", tmp_path / "pairs.csv", tmp_path / "set", "--shard", "1/2")
    assert part.code == 0
    assert (tmp_path / "set" / "report-1-of-2.csv").exists()
