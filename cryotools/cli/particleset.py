"""Options of the commands that read particles with poses, or runs trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cryotools.cli import options as opt

Invert = Annotated[
    bool | None, opt.main("--invert/--as-is", metavar="", help="Negate the images, or not; default: as they look.")
]
Poses = Annotated[
    str | None,
    opt.main("--poses", metavar="PKL", help="cryoDRGN's poses, of a stack; A,B if rotations and shifts are two files."),
]
Ctf = Annotated[str | None, opt.main("--ctf", metavar="PKL", help="cryoDRGN's CTF parameters, of a stack.")]
Check = Annotated[
    bool, opt.advanced("--check/--no-check", metavar="", help="Take poses as they are, without trying others.")
]
Passthrough = Annotated[
    str | None, opt.main("--passthrough", metavar="CS", help="The job's file of fields that the .cs file lacks.")
]
Datadir = Annotated[str | None, opt.main("--datadir", metavar="FOLDER", help="Look for stacks in this folder first.")]

Run = Annotated[str, typer.Argument(metavar="RUN", help="Folder of train-drgn, or a run of cryoDRGN.")]
RunVoxelSize = Annotated[float | None, opt.apix("Voxel size of the volumes, Å, overriding the run's.")]


def pose_files(text: str | None) -> tuple[str, ...] | None:
    """The files that --poses names: one, or two separated by a comma."""
    if text is None or Path(text).exists():  # a name may have a comma
        return None if text is None else (text,)
    return tuple(text.split(","))
