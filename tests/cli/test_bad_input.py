"""Bad input end to end: an exit code, one line on stderr, and a folder as it was before."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from broken_maps import density, map_bytes
from broken_structures import atom_line, cif, pdb

NAN, INF = float("nan"), float("inf")
BAD_MODELS = {
    "empty": (b"", "is an empty file"),
    "text": (b"hello\n", "is neither PDB nor mmCIF text"),
    "web page": (b"<html></html>", "looks like a web page"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "looks like a Git LFS pointer"),
    "stars": (pdb(atom_line(x="********")), "line 1: the coordinate"),
    "no atoms": (pdb("HEADER"), "has no atoms"),
    "cut": (cif()[:-10], "cannot be parsed: line 4"),
    "map": (map_bytes(), "is a binary file"),
}
BAD_MAPS = {
    "empty": (b"", "is an empty file"),
    "text": (b"hello\n" * 999, "is not an MRC/CCP4 map"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    "cut": (map_bytes()[:-4], "is truncated"),
    "4 TB": (map_bytes(nx=10_000, ny=10_000, nz=10_000), "is truncated"),
    "complex": (map_bytes(mode=4), "is complex"),
    "no voxel size": (map_bytes(cella=(0, 0, 0)), "the voxel size is undefined"),
    "stack": (map_bytes(ispg=401), "stack of volumes"),
    "angles": (map_bytes(cellb=(90, 90, 60)), "are not 90 degrees"),
}


@pytest.fixture
def refused(folder: Path, run: Callable) -> Callable[..., str]:
    """Run a command that must fail with `code`; its one line."""

    def check(code: int, verb: str, *arguments: object) -> str:
        before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        ended = run(verb, *arguments)
        assert ended.code == code, ended.err
        assert ended.err.count("\n") == 1, ended.err
        assert ended.err.startswith(f"cryotools {verb}: error: ")
        assert "unexpected error" not in ended.err
        assert ended.out == ""
        assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
        return ended.err

    return check


NETWORK = ("--weights", "net.safetensors", "--device", "cpu")
COMMANDS = {
    "struc2map": ("struc2map", "bad", "out.mrc"),
    "molmap": ("molmap", "bad", "4", "out.mrc"),
    "pdb2mrc": ("pdb2mrc", "bad", "out.mrc", "--center"),
    "compare-maps": ("compare-maps", "map.mrc", "map.mrc", "--around", "bad", "--csv", "out.csv"),
    "annotate-sse": ("annotate-sse", "map.mrc", "out", "--structure", "bad", *NETWORK),
    "eval-sse": ("eval-sse", "map.mrc", "bad", "--csv", "out.csv", *NETWORK),
    "score-model": ("score-model", "bad", "-o", "out.csv"),
    "score-model's reference": ("score-model", "model.pdb", "--reference", "bad", "-o", "out.csv"),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", BAD_MODELS)
def test_a_broken_model_ends_every_command_that_reads_one(
    folder: Path, refused: Callable, command: str, what: str
) -> None:
    content, message = BAD_MODELS[what]
    (folder / "bad").write_bytes(content)
    assert f"error: bad: {message}" in refused(1, *COMMANDS[command])


MAP_COMMANDS = {
    "first": ("compare-maps", "bad", "map.mrc", "--csv", "out.csv"),
    "second": ("compare-maps", "map.mrc", "bad", "--fsc-csv", "out.csv"),
    "mask": ("compare-maps", "map.mrc", "map.mrc", "--mask", "bad", "--json"),
    "info": ("info", "bad"),
    "annotate-sse": ("annotate-sse", "bad", "out", *NETWORK),
    "eval-sse": ("eval-sse", "bad", "model.pdb", "--csv", "out.csv", *NETWORK),
    "score-model": ("score-model", "model.pdb", "--map", "bad", "-o", "out.csv"),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", MAP_COMMANDS)
@pytest.mark.parametrize("what", BAD_MAPS)
def test_a_broken_map_ends_every_command_that_reads_one(
    folder: Path, refused: Callable, command: str, what: str
) -> None:
    content, message = BAD_MAPS[what]
    (folder / "bad").write_bytes(content)
    if command == "info" and what in ("stack", "no voxel size"):
        pytest.skip("info describes what it can: see test_info_describes_files_that_are_no_single_map")
    line = refused(1, *MAP_COMMANDS[command])
    assert "error: bad: " in line
    assert message in line


@pytest.mark.slow
@pytest.mark.parametrize("what", ["text", "complex", "no voxel size", "stack", "angles"])
@pytest.mark.parametrize("command", ["struc2map", "molmap"])
def test_a_map_that_lends_its_grid_must_have_one(folder: Path, refused: Callable, command: str, what: str) -> None:
    content, message = BAD_MAPS[what]
    (folder / "bad").write_bytes(content)
    middle = ("4",) if command == "molmap" else ()
    assert message in refused(1, command, "model.pdb", *middle, "out.mrc", "--like", "bad")


@pytest.mark.slow
def test_what_cannot_be_compared_is_refused(folder: Path, refused: Callable) -> None:
    values = density((10, 12, 14))
    broken = values.copy()
    broken[0, 0, 0] = NAN
    cases = {
        "NaN": (map_bytes(broken), "1 voxels are NaN or infinite"),
        "flat": (map_bytes(values * 0 + 1), "has no contrast"),
        "far": (map_bytes(values, origin=(999, 0, 0)), "the maps do not overlap"),
        "thin": (map_bytes(values[:3]), "too thin to compare"),
    }
    for content, message in cases.values():
        (folder / "bad").write_bytes(content)
        assert message in refused(1, "compare-maps", "bad", "map.mrc", "--csv", "out.csv")
    (folder / "bad").write_bytes(map_bytes(values[:, :, :9]))
    assert "the mask is not on the first map's grid" in refused(1, "compare-maps", *["map.mrc"] * 2, "--mask", "bad")
    (folder / "bad").write_bytes(map_bytes(values * 0))
    assert "the mask selects no voxel" in refused(1, "compare-maps", *["map.mrc"] * 2, "--mask", "bad")


@pytest.mark.slow
def test_what_cannot_be_annotated_is_refused(folder: Path, refused: Callable) -> None:
    values = density((10, 12, 14))
    broken = values.copy()
    broken[0, 0, 0] = NAN
    thin = np.zeros((3, 12, 14), dtype=np.float32)
    thin[:, 4:8, 4:8] = values[:3, 4:8, 4:8]
    cases = {
        "NaN": (map_bytes(broken), "1 voxels are NaN or infinite"),
        "flat": (map_bytes(values * 0 + 1), "the map is constant"),
        "thin": (map_bytes(thin), "the map measures 18.2 x 15.6 x 3.9 A"),
        "image": (map_bytes(values[:1]), "contains a 14 x 12 x 1 image, not a volume"),
    }
    for content, message in cases.values():
        (folder / "bad").write_bytes(content)
        assert f"error: bad: {message}" in refused(1, *MAP_COMMANDS["annotate-sse"])


@pytest.mark.parametrize(
    ("what", "kind"),
    [("stack", "MRC file, not a single density map"), ("no voxel size", "density map without a usable position")],
)
def test_info_describes_files_that_are_no_single_map(folder: Path, run: Callable, what: str, kind: str) -> None:
    content, message = BAD_MAPS[what]
    (folder / "odd.mrc").write_bytes(content)
    ended = run("info", "odd.mrc")
    assert (ended.code, ended.err) == (0, "")
    assert kind in ended.out
    assert message.split(";")[0] in ended.out


def test_info_tells_what_is_odd_where_other_commands_stop(folder: Path, run: Callable) -> None:
    data = density()
    data[0, 0, :3] = INF
    (folder / "odd.mrc").write_bytes(map_bytes(data, machst=(0, 0, 0, 0)) + b"more")
    ended = run("info", "odd.mrc")
    assert ended.code == 0
    assert "3 voxels are NaN or infinite" in ended.out
    assert "the machine stamp is wrong" in ended.out
    assert "bytes after the data" in ended.out


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["struc2map", "pdb2mrc", "compare-maps", "info", "annotate-sse", "eval-sse"])
@pytest.mark.parametrize("name", ["gone.pdb", ".", "link", "n" * 300])
def test_an_input_that_is_no_file_is_named(folder: Path, refused: Callable, verb: str, name: str) -> None:
    (folder / "link").symlink_to("nowhere")
    others = {"annotate-sse": ["out", *NETWORK], "eval-sse": ["model.pdb", *NETWORK]}
    rest = {"compare-maps": ["map.mrc"], "info": [], **others}.get(verb, ["out.mrc"])
    assert f"error: {name}: " in refused(1, verb, name, *rest)


USAGE = {
    "struc2map": [
        *(["--apix", value] for value in ("0", "nan", "inf", "-1", "x", "5")),
        *(["--res", value] for value in ("0", "nan", "inf", "-3", "1e308")),
        *(["--box", value] for value in ("0", "-8", "64,64", "1,2,3,4", "x", "nan", "1.5", "9" * 30)),
        *(["--noise", value] for value in ("nan", "inf", "-1")),
        *(["--model", "x"], ["--altloc", "zz"], ["--select", "foo ("], ["--seed", "-1"], ["--threads", "0"]),
        *(["--mode", "3"], ["--method", "magic"], ["--device", "gpu"], ["--nope"], ["surplus"]),
        ["--like", "map.mrc", "--box", "8"],
        ["--preview", "picture.txt"],
    ],
    "molmap": [
        *(["--gridSpacing", value] for value in ("0", "nan", "inf", "-1", "1e-320")),
        *(["--edgePadding", value] for value in ("nan", "-1", "1e308")),
        *(["--cube", value] for value in ("0", "yes", "-4", "9" * 30)),
        *(["--symmetry", value] for value in ("Q7", "C0", "H,1,2", "")),
        *(["--sigmaFactor", "0"], ["--cutoffRange", "inf"], ["--symmetry", "C2", "--axis", "0,0,0"]),
        *(["--symmetry", "C2", "--center", "1,2"], ["--onGrid", "map.mrc", "--cube", "true"]),
    ],
    "pdb2mrc": [
        *(["--apix", "0"], ["--res", "nan"], ["-B", "64,64"], ["--omit", "100"], ["--omit", "nan"]),
        *(["--trans", "1,2"], ["--trans", "inf"], ["--model", "x"], ["--seed", "-1"]),
    ],
    "compare-maps": [
        *(["--interp", "magic"], ["--replace-nan", "nan"], ["--mask", "map.mrc", "--around", "model.pdb"]),
        *(["--around", "model.pdb", "--radius", value] for value in ("0", "nan", "-1")),
        *(["--csv", "map.mrc"], ["--fsc-csv", "./map.mrc"], ["--fsc-plot", "plot.txt"], ["--csv", "."]),
    ],
}
INPUTS = {
    "struc2map": ["model.pdb", "out.mrc"],
    "molmap": ["model.pdb", "4", "out.mrc"],
    "pdb2mrc": ["model.pdb", "out.mrc"],
    "compare-maps": ["map.mrc", "map.mrc"],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "options"),
    [(verb, options) for verb, cases in USAGE.items() for options in cases],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:40],
)
def test_options_that_make_no_sense_are_usage_errors(refused: Callable, verb: str, options: list[str]) -> None:
    refused(2, verb, *INPUTS[verb], *options)


@pytest.mark.slow
@pytest.mark.parametrize("size", [["--apix", "1e-4"], ["--box", "999999"], ["--res", "1e300"], ["--apix", "1e-300"]])
def test_a_grid_beyond_the_memory_is_refused_before_it_is_made(refused: Callable, size: list[str]) -> None:
    assert "a grid of" in refused(1, "struc2map", "model.pdb", "out.mrc", *size)


OUTPUTS = {
    "gone/out.mrc": (1, "the folder .*gone does not exist; create it first"),
    "model.pdb/out.mrc": (1, "does not exist"),
    "n" * 252 + ".mrc": (1, "File name too long"),
    "/dev/full": (1, "No space left on device"),
    "-": (2, "maps are binary and cannot go to standard output"),
    "out.txt": (2, "end the name in .mrc"),
    "model.mrc": (2, "is also the input; choose another output"),
    "folder.mrc": (2, "is a folder; give the name of the file to write"),
}


@pytest.mark.slow
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("verb", ["struc2map", "molmap", "pdb2mrc"])
def test_an_output_that_cannot_be_written_is_refused(folder: Path, refused: Callable, verb: str, output: str) -> None:
    (folder / "model.mrc").symlink_to("model.pdb")
    (folder / "folder.mrc").mkdir()
    code, message = OUTPUTS[output]
    middle = ("4",) if verb == "molmap" else ()
    options = {"pdb2mrc": ["--center"], "struc2map": ["--method", "molmap"]}.get(verb, [])
    line = refused(code, verb, "model.pdb", *middle, output, *options)
    assert re.search(message, line), line


def test_without_a_command_or_with_a_wrong_one_the_exit_code_is_2(run: Callable) -> None:
    assert run().code == 2
    ended = run("frobnicate")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "cryotools: error: No such command 'frobnicate'; see `cryotools --help`\n"


UNKNOWN = pdb(atom_line(), atom_line(" X1 ", record="HETATM", residue="UNL", number="2", element="X"))
READING = {
    "struc2map": ("struc2map", "m.pdb", "o.mrc", "--method", "molmap", "--res", "4"),
    "molmap": ("molmap", "m.pdb", "4", "o.mrc"),
    "pdb2mrc": ("pdb2mrc", "m.pdb", "o.mrc", "--het", "--center"),
}


@pytest.mark.parametrize("command", READING)
def test_every_simulator_can_skip_atoms_of_unknown_element_and_says_so(
    folder: Path, run: Callable, command: str
) -> None:
    (folder / "m.pdb").write_bytes(UNKNOWN)
    refused = run(*READING[command])
    assert refused.code == 1
    assert refused.err.rstrip().endswith("correct the element column, or leave them out with --skip-unknown")
    skipped = run(*READING[command], "--skip-unknown", "--json")
    assert skipped.code == 0
    assert "1 atoms have an unknown element (the first: UNL X1); left out" in skipped.err
    assert '"n_atoms": 1' in skipped.out


def test_a_command_that_cannot_skip_atoms_does_not_advise_it(folder: Path, run: Callable) -> None:
    (folder / "m.pdb").write_bytes(UNKNOWN)
    (folder / "m.mrc").write_bytes(map_bytes(density((8, 8, 8))))
    refused = run("eval-disc", "m.mrc", "--structure", "m.pdb")
    assert refused.code == 1
    assert refused.err.rstrip().endswith("(the first: UNL X1); correct the element column")


def test_sites_without_mass_are_left_out_with_a_note(folder: Path, run: Callable) -> None:
    names = {" O  ": "O", " H1 ": "H", " H2 ": "H", "EPW ": "EP"}
    water = [atom_line(n, float(i), residue="WAT", element=e) for i, (n, e) in enumerate(names.items())]
    (folder / "w.pdb").write_bytes(pdb(*water))
    done = run("molmap", "w.pdb", "3", "o.mrc")
    assert done.code == 0
    assert "note: w.pdb: 1 massless sites are left out (the first: WAT EPW)" in done.err
    assert "1 massless sites are left out (the first: WAT EPW)" in run("info", "w.pdb").out
