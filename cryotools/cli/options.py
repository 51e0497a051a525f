"""Options that several commands share, so that each has one name, one panel and one help text."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from cryotools.cli.console import state
from cryotools.core.errors import UsageError

main = partial(typer.Option, rich_help_panel="Main")
output = partial(typer.Option, rich_help_panel="Output")
compute = partial(typer.Option, rich_help_panel="Compute")
advanced = partial(typer.Option, rich_help_panel="Advanced")


class MapMode(StrEnum):
    """How MRC files store values: float32 or float16."""

    float32 = "2"
    float16 = "12"


class Precision(StrEnum):
    """What networks compute in."""

    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"
    auto = "auto"


def _remember(name: str) -> Callable[[bool], bool]:
    def callback(value: bool) -> bool:
        if value:
            setattr(state, name, True)
        return value

    return callback


def _finite(option: str) -> Callable[[float | None], float | None]:
    def callback(value: float | None) -> float | None:
        if value is not None and not math.isfinite(value):
            raise UsageError(f"{option} {value}: give a finite number")
        return value

    return callback


StructureIn = Annotated[
    str, typer.Argument(metavar="STRUCTURE", help="PDB or mmCIF file, .gz and .bz2 too; - reads standard input.")
]
MapOut = Annotated[str, typer.Argument(metavar="OUTPUT", help="Map to write: .mrc, .map or .ccp4; .gz compresses it.")]

Mode = Annotated[MapMode, output("--mode", help="MRC mode: 2 (float32) or 12 (float16).")]
Preview = Annotated[str | None, output("--preview", metavar="PNG", help="Draw the map as a picture too.")]
NoClobber = Annotated[bool, output("--no-clobber", metavar="", help="Leave an existing output as it is and exit 0.")]
Json = Annotated[bool, output("--json", metavar="", help="Print the result's figures as one JSON object.")]
Quiet = Annotated[
    bool,
    output("--quiet", "-q", metavar="", help="No summary, no progress.", callback=_remember("quiet"), is_eager=True),
]
Verbose = Annotated[
    bool,
    output(
        "--verbose",
        "-v",
        metavar="",
        help="Say how long it took, and with what.",
        callback=_remember("verbose"),
        is_eager=True,
    ),
]
Debug = Annotated[
    bool,
    advanced("--debug", metavar="", help="Show the traceback of an error.", callback=_remember("debug"), is_eager=True),
]
ResultPrecision = Annotated[
    Precision,
    compute("--precision", metavar="KIND", help="fp32, bf16, fp16 or auto; less than fp32 changes results a little."),
]
Threads = Annotated[
    int | None,
    compute("--threads", "-j", min=1, help="Default: SLURM_CPUS_PER_TASK, else the processors we may use."),
]
Seed = Annotated[int, compute("--seed", min=0, help="Seed of every random choice.")]
ReplaceNan = Annotated[
    float | None,
    advanced(
        "--replace-nan",
        metavar="VALUE",
        help="Put VALUE where a map holds NaN or infinity.",
        callback=_finite("--replace-nan"),
    ),
]
