"""Options that several commands share, so that each has one name, one panel and one help text."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

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
    """Precision used by networks."""

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


def _finite(option: typer.CallbackParam, value: float | None) -> float | None:
    """Reject NaN and infinity."""
    if value is not None and not math.isfinite(value):
        raise UsageError(f"{option.opts[0]} {value}: give a finite number")
    return value


def _positive(option: typer.CallbackParam, value: float | None) -> float | None:
    """Reject non-positive values."""
    if value is not None and not 0 < value < math.inf:
        raise UsageError(f"{option.opts[0]} {value:g}: give a positive number of angstroms")
    return value


def resolution(text: str) -> Any:
    """The option for a resolution, with `text` as its help."""
    return main("--res", "-R", "-r", "--resolution", metavar="RES", help=text, callback=_positive)


def apix(text: str, panel: Callable[..., Any] = advanced) -> Any:
    """The option for a voxel size, with `text` as its help."""
    return panel("--apix", "-A", "--angpix", "--voxel-size", metavar="APIX", help=text)


def weights(trainer: str) -> Any:
    """The option for a network other than the shipped one, trained by the command `trainer`."""
    text = f"Use this network, the model.safetensors of {trainer}, instead of the shipped one."
    return main("--weights", metavar="FILE", help=text)


def threads(text: str) -> Any:
    """The option for the number of threads, with `text` as its help."""
    return compute("--threads", "-j", min=1, metavar="N", help=text)


def one_output(positional: str | None, option: str | None, name: str = "OUTPUT") -> str:
    """The output, given either as an argument or as an option.

    Raises
    ------
    UsageError
        It was given twice or not at all.
    """
    if positional and option:
        raise UsageError(f"{name} ({positional}) and --output {option} are two outputs; give one")
    if not (positional or option):
        raise UsageError(f"no {name} is given; see `cryotools {state.command} --help`")
    return positional or option or ""


def chain_ids(text: str | None) -> tuple[str, ...] | None:
    """Chains from --chains; None for all."""
    return None if text is None else tuple(text.split(","))


STRUCTURE_HELP = "PDB or mmCIF file, also .gz or .bz2; - reads standard input."
StructureIn = Annotated[str, typer.Argument(metavar="STRUCTURE", help=STRUCTURE_HELP)]
MapOut = Annotated[
    str | None,
    typer.Argument(metavar="OUTPUT", help="Map to write: .mrc, .map or .ccp4, also .gz or .bz2.", show_default=False),
]
OutputOption = Annotated[str | None, output("--output", "-o", metavar="FILE", help="Another way to give OUTPUT.")]

Resolution = Annotated[float, resolution("Resolution, Å: the Fourier transform falls to 1/e at 1/RES.")]
ReportedResolution = Annotated[float | None, resolution("The map's resolution, Å.")]
VoxelSize = Annotated[float | None, apix("Voxel size, Å, overriding the map header's.")]
Chains = Annotated[str | None, main("--chains", metavar="A,B", help="Use only these chains; _ is the blank chain ID.")]
Select = Annotated[str | None, main("--select", metavar="TEXT", help="Use only these atoms; see below.")]
Invert = Annotated[bool, main("--invert", metavar="", help="Invert the contrast of the map (negate its values).")]
Bias = Annotated[
    float,
    main(
        "--bias",
        "--lean",
        metavar="X",
        help="Logit bias of helix, sheet and nucleotide: above 0 finds more of them, below 0 fewer.",
        callback=_finite,
    ),
]
Device = Annotated[
    str,
    compute(
        "--device",
        "-d",
        metavar="NAME",
        help="Where networks run: auto (a GPU if there is one, else the CPU), cpu, cuda, cuda:N or mps.",
    ),
]
Rotations = Annotated[
    int, compute("--rotations", metavar="N", help="Average over 1, 4 or 24 rotations of the map, at N times the cost.")
]
Shard = Annotated[
    str | None,
    compute("--shard", metavar="I/N", help="Do part I of N of the list; default: the SLURM array task's part."),
]

SELECTION = """A selection (--select) combines terms with not, and, or and parentheses. Terms: chain A,B;
residue 10-50,60; resname HEM; atom CA; element FE; altloc A; protein; nucleic; polymer; ligand; water; hydrogen;
hetero; backbone; all."""

Mode = Annotated[MapMode, output("--mode", metavar="MODE", help="MRC mode: 2 (32-bit floats) or 12 (16-bit floats).")]
Preview = Annotated[str | None, output("--preview", metavar="PNG", help="Also draw the map as a picture.")]
NoClobber = Annotated[
    bool, output("--no-clobber", metavar="", help="Keep existing outputs instead of overwriting them.")
]
Json = Annotated[bool, output("--json", metavar="", help="Print the results as one JSON object.")]
Quiet = Annotated[
    bool,
    output(
        "--quiet",
        "-q",
        metavar="",
        help="Print no summary and no progress.",
        callback=_remember("quiet"),
        is_eager=True,
    ),
]
Verbose = Annotated[
    bool,
    output(
        "--verbose",
        "-v",
        metavar="",
        help="Print more detail, such as the time taken.",
        callback=_remember("verbose"),
        is_eager=True,
    ),
]
SkipUnknown = Annotated[bool, advanced("--skip-unknown", metavar="", help="Leave out atoms of unknown element.")]
Debug = Annotated[
    bool,
    advanced(
        "--debug", metavar="", help="Show the full traceback of an error.", callback=_remember("debug"), is_eager=True
    ),
]
ResultPrecision = Annotated[
    Precision,
    compute(
        "--precision",
        metavar="KIND",
        help="Numerical precision of the network: fp32, bf16, fp16 or auto; below fp32 results change slightly.",
    ),
]
TrainingPrecision = Annotated[
    Precision,
    compute(
        "--precision",
        metavar="KIND",
        help="Numerical precision: fp32, bf16, or auto (bf16 where the hardware is fast at it).",
    ),
]
Threads = Annotated[int | None, threads("CPU threads; default: SLURM_CPUS_PER_TASK, else all available processors.")]
ClassicalThreads = Annotated[int | None, threads("CPU threads; default: 1, as more rarely help.")]
Seed = Annotated[int, compute("--seed", min=0, metavar="N", help="Seed for all random numbers.")]
ReplaceNan = Annotated[
    float | None,
    advanced(
        "--replace-nan",
        metavar="VALUE",
        help="Replace NaN and infinite map values with VALUE.",
        callback=_finite,
    ),
]
