"""What `--help` shows: room for the text, each option once, and every name that is accepted."""

from __future__ import annotations

import pytest
from small_structures import A, write_pdb

from cryotools.cli.registry import COMMANDS, load

NARROWEST = 35  # characters of help text beside the names


@pytest.fixture
def shown(run, monkeypatch):
    """The help of a command on a terminal of so many columns."""

    def _shown(command: str, columns: int) -> str:
        for name, value in {"COLUMNS": columns, "NO_COLOR": 1, "TERM": "dumb"}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)  # read from TERMINAL_WIDTH when it is imported
        return run(*command.split(), "--help").out

    return _shown


def widths_of_wrapped_text(text: str, columns: int) -> list[int]:
    """How wide the column of help is, for each line in a frame that goes on with the one before."""
    framed = [line[1:] for line in text.splitlines() if line.startswith("│")]
    indents = [len(line) - len(line.lstrip()) for line in framed]
    return [columns - 3 - indent for indent in indents if indent > 6]  # names begin at 1, arguments at 6


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_of_an_option_is_not_squeezed(shown, command, columns):
    text = shown(command, columns)
    assert max(len(line) for line in text.splitlines()) <= columns
    assert "…" not in text, "a name is cut off"
    assert min(widths_of_wrapped_text(text, columns), default=columns) >= NARROWEST


@pytest.mark.parametrize(
    ("command", "column", "sentence"),
    [
        ("struc2map", "--res -R RES Resolution", "Also -r, --resolution."),
        ("struc2map", "--apix -A APIX Voxel size", "Also --angpix, --voxel-size."),
        ("molmap", "--gridSpacing APIX Voxel size", "Also --grid-spacing."),
    ],
)
def test_an_option_is_listed_by_its_first_names_and_its_text_gives_the_others(shown, command, column, sentence):
    text = " ".join(shown(command, 80).replace("│", "").split())
    assert column in text
    assert sentence in text


SHARED = [
    "--res",
    "--apix",
    "--output",
    "--device",
    "--precision",
    "--threads",
    "--seed",
    "--shard",
    "--select",
    "-r",
    "-o",
]


@pytest.mark.parametrize("name", SHARED)
def test_an_option_has_the_same_names_in_every_command(name):
    options = [option.opts for command in COMMANDS for option in load(command).params if name in option.opts]
    assert len(options) >= 2
    assert all(names == options[0] for names in options)


def test_a_switch_that_is_on_is_listed_by_the_name_that_turns_it_off(shown):
    text = shown("struc2map", 80)
    assert "│ --no-hydrogens " in text
    assert "│ --hydrogens " not in text


@pytest.mark.parametrize("command", ["annotate-sse", "eval-sse"])
def test_lean_still_sets_the_bias_but_is_not_shown(run, shown, command):
    text = shown(command, 80)
    assert "--bias" in text
    assert "--lean" not in text
    for name in ("--bias", "--lean"):
        result = run(command, "gone.mrc", "gone.pdb", name, "inf")
        assert (result.code, "--bias inf: give a finite number" in result.err) == (2, True)


def test_names_of_before_still_work_but_are_not_shown(run, shown):
    text = shown("curate", 80)
    for name, former in (("--min-correlation", "--least-correlation"), ("--min-gain", "--least-gain")):
        assert name in text
        assert former not in text
        assert "gone.csv" in run("curate", "gone.csv", "set", former, "0.7").err


def test_arguments_that_must_be_given_have_no_brackets(shown):
    assert "Usage: cryotools info [OPTIONS] FILE... " in shown("info", 80)
    assert "Usage: cryotools curate [OPTIONS] PAIRS OUT_DIR" in shown("curate", 80)
    assert "Usage: cryotools eval-sse [OPTIONS] [MAP] [MODEL]" in shown("eval-sse", 80)


MAKERS = {  # a command, its way to say 6 Å, and the rest
    "struc2map": (["--res", 6], ["--method", "molmap", "--apix", 2]),
    "molmap": ([6], ["--gridSpacing", 2]),
    "pdb2mrc": (["--res", 6], ["--apix", 2, "--center"]),
}


@pytest.fixture
def atoms(tmp_path, monkeypatch):
    """A model of two chains, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_pdb(tmp_path / "in.pdb", [A("C", (0, 0, 0)), A("O", (9, 2, 1), number=2), A("N", (4, 4, 4), number=3)])
    return tmp_path


@pytest.mark.parametrize("name", ["--res", "-R", "-r", "--resolution"])
@pytest.mark.parametrize("command", MAKERS)
def test_the_resolution_has_four_names(run, atoms, command, name):
    told, rest = MAKERS[command]
    assert run(command, "in.pdb", *told, "wanted.mrc", *rest, "-q").code == 0
    assert run(command, "in.pdb", "out.mrc", name, 6, *rest, "-q").code == 0
    assert pixels(atoms / "out.mrc") == pixels(atoms / "wanted.mrc")


@pytest.mark.parametrize("name", ["--output", "-o"])
@pytest.mark.parametrize("command", MAKERS)
def test_the_output_can_be_an_option(run, atoms, command, name):
    told, rest = MAKERS[command]
    assert run(command, "in.pdb", *told, "wanted.mrc", *rest, "-q").code == 0
    assert run(command, name, "out.mrc", "in.pdb", *told, *rest, "-q").code == 0
    assert pixels(atoms / "out.mrc") == pixels(atoms / "wanted.mrc")


@pytest.mark.parametrize("command", MAKERS)
def test_an_output_that_is_given_twice_or_not_at_all_is_refused(run, atoms, command):
    told, rest = MAKERS[command]
    twice = run(command, "in.pdb", *told, "out.mrc", "-o", "other.mrc", *rest)
    assert (twice.code, "OUTPUT (out.mrc) and --output other.mrc are two outputs; give one" in twice.err) == (2, True)
    never = run(command, "in.pdb", *told, *rest)
    assert (never.code, f"no OUTPUT is given; see `cryotools {command} --help`" in never.err) == (2, True)
    assert [path.name for path in atoms.iterdir()] == ["in.pdb"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["6", "out.mrc", "--res", "5"], "RESOLUTION (6) and --res 5 are two resolutions; give one"),
        (["out.mrc", "6"], "RESOLUTION out.mrc: give a number of angstroms"),
        ([], "no RESOLUTION is given"),
        (["nan", "out.mrc"], "give a positive number"),
    ],
)
def test_molmap_says_which_resolution_it_misses(run, atoms, arguments, complaint):
    result = run("molmap", "in.pdb", *arguments)
    assert (result.code, complaint in result.err) == (2, True), result.err


def pixels(path) -> bytes:
    """The map's bytes without the labels, which may name the structure."""
    return path.read_bytes()[:220] + path.read_bytes()[1024:]
