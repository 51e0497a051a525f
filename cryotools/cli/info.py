"""`cryotools info`: what a file is, where it sits, what is odd about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import print_json, set_threads

NAME = "info"
EPILOG = """Examples:

cryotools info examples/1gbt.cif

cryotools info map.mrc --json
"""


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A map (MRC, CCP4) or a structure (PDB, mmCIF).")],
    json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Say what a map or a structure file holds, and what is odd about it."""
    set_threads(None)
    from cryotools.core.describe import describe_file

    report = describe_file(file)
    if json:
        print_json(report)
        return
    width = max(len(key) for key in report)
    for key, value in report.items():
        for number, line in enumerate(_lines(value)):
            typer.echo(f"{key.replace('_', ' ') if number == 0 else '':<{width}}  {line}")


def _lines(value: Any) -> list[str]:
    """Numbers on one line, sentences on one each."""
    if not isinstance(value, list):
        return [f"{value:.5g}" if isinstance(value, float) else str(value)]
    if value and not isinstance(value[0], str):
        return [", ".join(f"{v:g}" for v in value)]
    return value or ["none"]
