"""`cryotools info`: contents of a file, its position in space, and anything unusual about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import complain, print_json, set_threads, spell
from cryotools.core.errors import CryotoolsError

NAME = "info"
EPILOG = """With --json each file is one object on a line of its own. A file that cannot be described is named on stderr
(with several files, by an object with its error in the JSON, too); the rest follow, and the exit code is 1.

Examples:

cryotools info examples/1gbt.cif

cryotools info map.mrc examples/1gbt.cif --json
"""


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Maps (MRC, CCP4), structures (PDB, mmCIF).")],
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Describe map and structure files, and report anything unusual."""
    set_threads(None)
    from cryotools.view.describe import describe_file

    failed = False
    for number, file in enumerate(files):
        try:
            report = describe_file(file)
            report["oddities"] = [spell(each) for each in report["oddities"]]
        except CryotoolsError as error:
            failed = True
            complain("error", str(error))
            if json and len(files) > 1:
                print_json({"file": file, "error": spell(str(error))})
            continue
        if json:
            print_json(report)
        else:
            _print(report, after_another=number > 0)
    if failed:
        raise typer.Exit(1)


def _print(report: dict[str, Any], *, after_another: bool) -> None:
    """Print a block of lines, separated by an empty line from the block before."""
    if after_another:
        typer.echo()
    width = max(len(key) for key in report)
    for key, value in report.items():
        for number, line in enumerate(_lines(value)):
            typer.echo(f"{key.replace('_', ' ') if number == 0 else '':<{width}}  {line}")


def _lines(value: Any) -> list[str]:
    """Numbers on one line, sentences on a line each."""
    if not isinstance(value, list):
        return [f"{value:.5g}" if isinstance(value, float) else str(value)]
    if value and not isinstance(value[0], str):
        return [", ".join(f"{v:g}" for v in value)]
    return value or ["none"]
