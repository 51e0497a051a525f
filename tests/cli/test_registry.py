"""One list of commands, each imported when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from cryotools.cli.registry import COMMANDS, Commands, load, module

IMPORTED = (
    "import sys; from cryotools.cli.main import main; from cryotools.cli.registry import COMMANDS; main({arguments});"
    "files = [f\"cryotools.cli.{{name.replace('-', '_')}}\" for name in COMMANDS];"
    "print(sorted(file for file in files if file in sys.modules), file=sys.stderr)"
)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_in_the_file_of_its_name(name: str) -> None:
    assert module(name).NAME == load(name).name == name


@pytest.mark.parametrize("arguments", [["molmap", "--help"], ["molmap", "gone.pdb", "4", "out.mrc"]])
def test_a_command_imports_no_other(arguments: list[str]) -> None:
    line = [sys.executable, "-c", IMPORTED.format(arguments=arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "['cryotools.cli.molmap']"


def test_the_help_has_a_line_for_each_command(run: Callable) -> None:
    text = run("--help").out
    for name, command in Commands().items():
        assert f" {name} " in text
        assert command.help
    assert len(Commands()) == len(COMMANDS) == len(set(COMMANDS))


def test_a_mistyped_command_is_told_its_neighbour(run: Callable) -> None:
    done = run("struct2map")
    assert (done.code, "Did you mean 'struc2map'" in done.err) == (2, True)
