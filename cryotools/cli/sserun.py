"""What annotate-sse and eval-sse share: their options on maps, models and the network."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from cryotools.cli import options as opt


class Classes(StrEnum):
    """Where the classes of a model's residues come from."""

    dssp = "dssp"
    author = "author"


Assignment = Annotated[
    Classes,
    opt.main(
        "--assignment",
        metavar="NAME",
        help="Source of the model's secondary structure: dssp, or author (HELIX and SHEET records).",
    ),
]
Invert = Annotated[bool, opt.main("--invert", metavar="", help="Invert the contrast of the map (negate its values).")]
Weights = Annotated[str | None, opt.main("--weights", metavar="FILE", help="Network trained by train-sse.")]
Rotations = Annotated[
    int,
    opt.compute("--rotations", metavar="N", help="Average over 1, 4 or 24 rotations of the map, at N times the cost."),
]
Bias = Annotated[
    float,
    opt.main(
        "--bias",
        "--lean",
        metavar="X",
        help="Logit bias of helix, sheet and nucleotide: above 0 finds more of them, below 0 fewer.",
        callback=opt.finite("--bias"),
    ),
]


def score(value: float) -> str:
    """A score as it is told; - where there is none."""
    return f"{value:.3f}" if value == value else "-"
