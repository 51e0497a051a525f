"""`cryotools info`: what a file is, where it sits, what is odd about it."""

from __future__ import annotations

from typing import Annotated

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
        lines = value if isinstance(value, list) else [value]
        for number, line in enumerate(lines or ["none"]):
            typer.echo(f"{key.replace('_', ' ') if number == 0 else '':<{width}}  {line}")
