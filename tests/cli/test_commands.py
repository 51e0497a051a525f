from __future__ import annotations

import json
import subprocess
import sys

import mrcfile
import numpy as np
import pytest
from broken_maps import map_bytes

from cryotools import __version__
from cryotools.cli.registry import COMMANDS
from cryotools.core.compute import bfloat16
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.structurefile import read_structure

MAP_KEYS = [
    "output",
    "n_atoms",
    "atoms_by_kind",
    "shape_xyz",
    "voxel_size_A",
    "origin_A",
    "minimum",
    "maximum",
    "mean",
    "standard_deviation",
]
SCORE_KEYS = [
    "map_a",
    "map_b",
    "correlation",
    "correlation_about_mean",
    "pcc",
    "ssim",
    "fsc_0.5_A",
    "fsc_0.143_A",
    "n_voxels",
    "contour",
]
CLASSICAL = ("struc2map", "--method", "molmap")  # plumbing is tested without a network
MAKE_A_MAP = {
    "struc2map": lambda source, out: [*CLASSICAL, source, out, "--res", 6, "--apix", 2],
    "molmap": lambda source, out: ["molmap", source, 6, out, "--gridSpacing", 2],
    "pdb2mrc": lambda source, out: ["pdb2mrc", source, out, "--res", 6, "--apix", 2, "--center"],
}


@pytest.fixture
def two_maps(run, trypsin, tmp_path):
    paths = tmp_path / "a.mrc", tmp_path / "b.mrc"
    for path, resolution in zip(paths, (5, 7), strict=True):
        assert run(*CLASSICAL, trypsin, path, "--res", resolution, "--apix", 2).code == 0
    return paths


def lines(text: str) -> list[str]:
    return text.splitlines()


@pytest.mark.parametrize("name", MAKE_A_MAP)
def test_a_map_is_made_and_summed_up_on_stderr(run, trypsin, tmp_path, name):
    out = tmp_path / "map.mrc"
    result = run(*MAKE_A_MAP[name](trypsin, out))
    assert result.code == 0
    assert result.out == ""
    *notes, atoms, summary = lines(result.err)
    left_out = f"cryotools struc2map: note: {trypsin}: 117 water atoms are left out; include them with --waters"
    assert notes == ([left_out] if name == "struc2map" else [])
    assert atoms.startswith(f"{trypsin}: 1")
    assert summary.startswith(f"{out}: ")
    with mrcfile.open(out) as file:
        assert file.data.max() > 0
        assert bytes(file.header.label[0]).startswith(f"cryotools {__version__} {name} ".encode())
    assert mrcfile.validate(str(out))


@pytest.mark.parametrize("name", MAKE_A_MAP)
def test_a_map_is_described_as_json_on_stdout(run, trypsin, tmp_path, name):
    out = tmp_path / "map.mrc"
    result = run(*MAKE_A_MAP[name](trypsin, out), "--json", "--quiet")
    assert result.code == 0
    assert result.err == ""
    figures = json.loads(result.out)
    assert list(figures) == MAP_KEYS
    volume = read_map(out)
    assert figures["output"] == str(out)
    assert figures["shape_xyz"] == list(volume.data.shape[::-1])
    assert figures["maximum"] == pytest.approx(volume.data.max(), rel=1e-6)
    assert figures["mean"] == pytest.approx(volume.data.mean(dtype=np.float64), rel=1e-6)
    assert figures["standard_deviation"] == pytest.approx(volume.data.std(dtype=np.float64), rel=1e-6)
    assert np.allclose(figures["origin_A"], volume.origin)
    assert sum(figures["atoms_by_kind"].values()) == figures["n_atoms"]


@pytest.mark.parametrize("name", MAKE_A_MAP)
def test_quiet_commands_say_nothing(run, trypsin, tmp_path, name):
    result = run(*MAKE_A_MAP[name](trypsin, tmp_path / "map.mrc"), "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")


@pytest.mark.parametrize("name", MAKE_A_MAP)
def test_existing_outputs_are_left_alone_on_request(run, trypsin, tmp_path, name):
    out = tmp_path / "map.mrc"
    out.write_text("mine")
    result = run(*MAKE_A_MAP[name](trypsin, out), "--no-clobber")
    assert (result.code, result.out) == (0, "")
    assert result.err == f"{out}: exists and is kept\n"
    assert out.read_text() == "mine"
    assert run(*MAKE_A_MAP[name](trypsin, out), "-q").code == 0
    assert out.stat().st_size > 1024


def test_the_same_command_writes_the_same_bytes(run, trypsin, tmp_path):
    maps = [tmp_path / "1.mrc", tmp_path / "2.mrc"]
    for path in maps:
        assert run(*CLASSICAL, trypsin, path, "-R", 5, "-A", 2, "--noise", 0.2, "--seed", 3, "-q").code == 0
    assert maps[0].read_bytes() == maps[1].read_bytes()


def test_float16_maps_are_half_as_large(run, trypsin, tmp_path):
    for mode in (2, 12):
        assert run(*CLASSICAL, trypsin, tmp_path / f"{mode}.mrc", "-R", 6, "-A", 2, "--mode", mode, "-q").code == 0
    whole, half = read_map(tmp_path / "2.mrc"), read_map(tmp_path / "12.mrc")
    assert np.allclose(half.data, whole.data, rtol=1e-3, atol=1e-6)
    assert (tmp_path / "12.mrc").stat().st_size - 1024 == ((tmp_path / "2.mrc").stat().st_size - 1024) / 2


@pytest.mark.slow
def test_a_preview_is_drawn_beside_the_map(run, trypsin, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "map.png"
    result = run(*CLASSICAL, trypsin, tmp_path / "map.mrc", "-R", 6, "-A", 2, "--preview", picture)
    assert result.code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_struc2maps_options_reach_the_map(run, trypsin, tmp_path):
    out = tmp_path / "map.mrc"
    arguments = ["--res", 4, "--apix", 1.5, "--box", "40,42,44", "--select", "element CA", "--no-occupancy", "--json"]
    result = run(*CLASSICAL, trypsin, out, "--method", "pdb2mrc", "--chains", "A", *arguments)
    figures = json.loads(result.out)
    assert figures["n_atoms"] == 1
    assert figures["shape_xyz"] == [40, 42, 44]
    # the calcium of 1GBT peaks at 20 in this scale, but for its distance from the nearest voxel
    structure = read_structure(trypsin)
    calcium = structure.xyz[structure.element == 20][0]
    squared = ((calcium - 1.5 * np.rint(calcium / 1.5)) ** 2).sum()
    assert figures["maximum"] == pytest.approx(20 * np.exp(-squared * (np.pi / 4) ** 2), rel=1e-5)
    centred = run(*CLASSICAL, trypsin, out, "--res", 6, "--apix", 2, "--center", "--waters", "--weights", "electron")
    assert centred.code == 0
    assert "117 of water" in centred.err
    assert "warning" in centred.err


def test_like_puts_a_map_on_another_maps_grid(run, trypsin, tmp_path, two_maps):
    out = tmp_path / "like.mrc"
    for arguments in ([*CLASSICAL, trypsin, out, "--res", 5], ["molmap", trypsin, 5, out]):
        assert run(*arguments, "--like", two_maps[0], "-q").code == 0
        assert read_map(out).same_grid_as(read_map(two_maps[0]))


def test_compare_maps_prints_scores(run, two_maps):
    result = run("compare-maps", *two_maps)
    assert (result.code, result.err) == (0, "")
    assert [line.split()[0] for line in lines(result.out)] == SCORE_KEYS[2:]


def test_compare_maps_prints_json(run, two_maps):
    result = run("compare-maps", *two_maps, "--json")
    assert (result.code, result.err) == (0, "")
    scores = json.loads(result.out)
    assert list(scores) == SCORE_KEYS
    assert 0.9 < scores["correlation"] <= 1
    assert scores["n_voxels"] == read_map(two_maps[0]).data.size
    same = json.loads(run("compare-maps", two_maps[0], two_maps[0], "--json").out)
    assert same["pcc"] == pytest.approx(1)
    assert same["fsc_0.5_A"] is None


@pytest.mark.slow
def test_compare_maps_writes_csv_and_plots(run, two_maps, trypsin, tmp_path):
    pytest.importorskip("matplotlib")
    scores, curve, plot = tmp_path / "scores.csv", tmp_path / "fsc.csv", tmp_path / "fsc.png"
    result = run(
        "compare-maps", *two_maps, "--around", trypsin, "--csv", scores, "--fsc-csv", curve, "--fsc-plot", plot, "-q"
    )
    assert (result.code, result.out, result.err) == (0, "", "")
    assert lines(scores.read_text())[0].split(",") == SCORE_KEYS
    assert lines(curve.read_text())[0].startswith("frequency_per_A,")
    assert plot.read_bytes().startswith(b"\x89PNG")
    piped = run("compare-maps", *two_maps, "--csv", "-")
    assert lines(piped.out)[0].split(",") == SCORE_KEYS
    assert len(lines(piped.out)) == 2


def test_info_describes_a_structure(run, trypsin):
    plain = run("info", trypsin)
    assert (plain.code, plain.err) == (0, "")
    assert "atomic model, 1761 atoms" in plain.out
    report = json.loads(run("info", trypsin, "--json").out)
    assert report["what"] == "atomic model, 1761 atoms"
    assert report["chains"] == "A"
    assert report["atoms"] == "15 of ligand, 1629 of protein, 117 of water"
    assert report["elements"] == "C 1020, N 282, O 442, S 16, Ca 1"
    assert report["lowest_A"] == [25.092, -18.125, 3.496]
    assert "there are no hydrogens" in report["oddities"]


def test_info_describes_a_map(run, two_maps):
    plain = run("info", two_maps[0])
    assert (plain.code, plain.err) == (0, "")
    assert "density map, MRC mode 2 (float32)" in plain.out
    report = json.loads(run("info", two_maps[0], "--json").out)
    volume = read_map(two_maps[0])
    assert report["voxels_xyz"] == list(volume.data.shape[::-1])
    assert report["voxel_size_A"] == [2, 2, 2]
    assert report["origin_A"] == pytest.approx(volume.origin)
    assert "origin A            " + ", ".join(f"{v:g}" for v in volume.origin) in plain.out
    assert report["position_from"] == "ORIGIN"
    assert report["maximum"] == pytest.approx(volume.data.max(), rel=1e-6)
    assert report["zero_fraction"] == pytest.approx((volume.data == 0).mean())
    assert report["oddities"] == []


def test_info_describes_many_files_and_a_broken_one_does_not_stop_the_rest(run, trypsin, two_maps, tmp_path):
    broken = tmp_path / "broken.mrc"
    broken.write_bytes(b"hello\n" * 500)
    plain = run("info", trypsin, broken, two_maps[0])
    assert plain.code == 1
    blocks = plain.out.split("\n\n")
    assert [block.split()[1] for block in blocks] == [str(trypsin), str(two_maps[0])]
    assert plain.err.count("\n") == 1
    assert f"error: {broken}: is not an MRC/CCP4 map" in plain.err
    listed = run("info", trypsin, broken, two_maps[0], "--json")
    assert listed.code == 1
    reports = [json.loads(line) for line in lines(listed.out)]
    assert [report["file"] for report in reports] == [str(trypsin), str(broken), str(two_maps[0])]
    assert ["error" in report for report in reports] == [False, True, False]
    assert reports[0] == json.loads(run("info", trypsin, "--json").out)


@pytest.mark.parametrize(("voxel", "shown"), [(1.3e-10, "1.3e-10"), (2.6e-7, "2.6e-07"), (1.1e13, "1.1e+13")])
def test_an_impossible_voxel_size_is_shown_and_apix_named_and_taken(run, tmp_path, voxel, shown):
    path = tmp_path / "metres.mrc"
    path.write_bytes(map_bytes(cella=(12 * voxel, 10 * voxel, 8 * voxel)))
    plain = run("info", path)
    assert plain.code == 0
    assert f"voxel size A  {shown}, {shown}, {shown}" in plain.out
    assert "impossible for a density map" in plain.out
    assert "--apix" not in plain.out
    refused = run("compare-maps", path, path)
    assert refused.code == 1
    assert f"the voxel size, ({shown}, {shown}, {shown}) A" in refused.err
    assert "give --apix" in refused.err
    assert "too thin" not in run("compare-maps", path, path, "--apix", 1.3, "--json").err


def test_a_map_on_standard_input_is_named(run, two_maps):
    refused = run("compare-maps", "-", two_maps[0])
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "maps are read from files, not from standard input" in refused.err


@pytest.mark.slow
def test_doctor_reports_every_section(run):
    plain = run("doctor", "--threads", 1)
    assert (plain.code, plain.err) == (0, "")
    report = json.loads(run("doctor", "--json", "--threads", 1).out)
    assert list(report) == ["cryotools", "libraries", "devices", "machine", "weights", "search engines"]
    assert [line for line in lines(plain.out) if not line.startswith(" ")] == list(report)
    assert report["cryotools"]["version"] == __version__
    assert report["devices"]["cpu"].startswith("convolutions work in float32")
    assert report["search engines"]["biopython"] == report["libraries"]["biopython"]


@pytest.mark.parametrize(
    ("amx", "wrong", "words"),
    [
        (True, (), "yes (AMX; convolutions and their gradients right)"),
        (False, (), "no (no AMX; convolutions and their gradients right)"),
        (True, ("output at 3 x 3 x 3 voxels",), "no (AMX; convolutions wrong: output at 3 x 3 x 3 voxels)"),
    ],
)
def test_doctor_says_whether_the_cpu_takes_bf16(run, monkeypatch, amx, wrong, words):
    monkeypatch.setattr(bfloat16, "has_amx", lambda: amx)
    monkeypatch.setattr(bfloat16, "wrong_convolutions", lambda: wrong)
    assert json.loads(run("doctor", "--json").out)["machine"]["bf16 on the cpu"] == words


def test_the_version_names_the_program(run):
    result = run("--version")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"cryotools {__version__} (Python ")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_in_two_examples_or_more(run, name):
    result = run(name, "--help")
    assert (result.code, result.err) == (0, "")
    _, _, examples = result.out.partition("Examples:")
    assert examples.count(f"cryotools {name}") >= 2


def test_the_program_lists_every_command(run):
    assert {"struc2map", "molmap", "pdb2mrc", "compare-maps", "info", "doctor"} <= set(COMMANDS)
    result = run("--help")
    assert result.code == 0
    assert all(name in result.out for name in COMMANDS)


def test_starting_the_program_imports_no_array_library():
    heavy = "{'torch', 'numpy', 'scipy', 'gemmi', 'matplotlib'}"
    check = f"import sys, cryotools.cli.main; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("name", MAKE_A_MAP)
def test_making_a_map_needs_no_torch(trypsin, tmp_path, name):
    arguments = [str(a) for a in MAKE_A_MAP[name](trypsin, tmp_path / "map.mrc")]
    check = f"import sys; from cryotools.cli.main import main; main({arguments!r}); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


@pytest.mark.parametrize(
    ("extra", "changes"),
    [
        (["--waters"], "n_atoms"),
        (["--altloc", "A"], None),
        (["--select", "not element S"], "n_atoms"),
        (["--no-occupancy"], "mean"),
        (["--bfactor"], "maximum"),
        (["--weights", "electron"], "maximum"),
        (["--method", "pdb2mrc"], "maximum"),
        (["--noise", "1"], "standard_deviation"),
        (["--center"], "origin_A"),
        (["--box", "50"], "shape_xyz"),
        (["--assembly", "1", "--chains", "A"], None),
        (["--no-hydrogens"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_option_changes_what_it_names_and_keeps_the_atoms_it_should(run, trypsin, tmp_path, extra, changes):
    plain, other = (
        json.loads(run(*CLASSICAL, trypsin, tmp_path / "map.mrc", "-R", 6, "-A", 2, "--json", *more).out)
        for more in ([], extra)
    )
    if changes is None:  # 1GBT has no alternate locations, hydrogens or second copy
        assert other == plain
    else:
        assert other[changes] != plain[changes]
    if changes != "n_atoms":
        assert other["n_atoms"] == plain["n_atoms"]


@pytest.mark.parametrize("levels", [["--verbose", "2"], ["--verbose=1"], ["-v", "1"]])
def test_pdb2mrc_takes_a_level_of_talk_as_the_original_does(run, trypsin, tmp_path, levels):
    result = run("pdb2mrc", trypsin, tmp_path / "map.mrc", "-A", 2, "-R", 6, "--center", *levels)
    assert result.code == 0
    assert "CPU seconds" in result.err


def test_two_outputs_may_not_be_one_file(run, two_maps, tmp_path):
    out = tmp_path / "out.csv"
    result = run("compare-maps", *two_maps, "--csv", out, "--fsc-csv", out)
    assert result.code == 2
    assert "name the same file" in result.err
    assert not out.exists()


def test_a_selection_left_empty_by_a_shell_variable_is_refused(run, trypsin, tmp_path):
    for extra in (["--select", ""], ["--chains", ""]):
        assert run(*CLASSICAL, trypsin, tmp_path / "map.mrc", *extra).code == 2


def test_classical_maps_take_one_thread_unless_more_are_asked_for(run, trypsin, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # what the commands set is undone
    for command in (["struc2map", trypsin, "--method", "molmap", "--res", 6, "--apix", 2], ["molmap", trypsin, 6]):
        output = tmp_path / "out.mrc"
        arguments = [*command[:2], output, *command[2:]] if command[0] == "struc2map" else [*command, output]
        assert "with 1 threads" in run(*arguments, "--verbose").err
        assert "with 2 threads" in run(*arguments, "--verbose", "--threads", 2).err
