"""`cryotools doctor`: what this machine can do."""

from __future__ import annotations

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import print_json, set_threads

NAME = "doctor"
EPILOG = """Examples:

cryotools doctor

cryotools doctor --json
"""


def command(json: opt.Json = False, threads: opt.Threads = None, debug: opt.Debug = False) -> None:
    """Check torch, devices, precisions, memory, shipped weights and engines that search sequences."""
    used = set_threads(threads)
    from cryotools.homologs.search.engines.choose import engine_versions
    from cryotools.view.diagnose import diagnose

    report = diagnose(used) | {"search engines": engine_versions()}
    if json:
        print_json(report)
        return
    for section, values in report.items():
        typer.echo(section)
        for key, value in (values or {"none": ""}).items():
            typer.echo(f"  {key:<26}{value}")
