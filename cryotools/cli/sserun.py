"""What annotate-sse and eval-sse share: their options on maps, models and the network."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated

from cryotools.cli import options as opt
from cryotools.core.errors import UsageError


class Classes(StrEnum):
    """Where the classes of a model's residues come from."""

    dssp = "dssp"
    author = "author"


def _positive(value: float | None) -> float | None:
    if value is not None and not 0 < value < math.inf:
        raise UsageError(f"--res {value:g}: give a positive number of A")
    return value


Resolution = Annotated[
    float | None,
    opt.main("--res", "-R", "-r", "--resolution", help="Resolution, Å, told to the network.", callback=_positive),
]
Assignment = Annotated[
    Classes,
    opt.main("--assignment", help="Classes of the model's residues: dssp, or author (HELIX and SHEET records)."),
]
Invert = Annotated[bool, opt.main("--invert", metavar="", help="Turn the map's values over first.")]
Weights = Annotated[str | None, opt.main("--weights", metavar="FILE", help="A network made by train-sse.")]
Device = Annotated[str, opt.compute("--device", "-d", help="auto, cpu, cuda, cuda:N or mps.")]
Rotations = Annotated[
    int, opt.compute("--rotations", help="Average over 1, 4 or 24 turns of the map, at as many times the cost.")
]
Lean = Annotated[
    float,
    opt.main("--lean", metavar="X", help="Above 0 more is found, below 0 less (added to the logits of elements)."),
]
VoxelSize = Annotated[float | None, opt.advanced("--apix", "-A", help="Voxel size, Å, in place of the header's.")]


def score(value: float) -> str:
    """A score as it is told; - where there is none."""
    return f"{value:.3f}" if value == value else "-"
