"""What annotate-sse and eval-sse share: where true classes come from, and how scores are shown."""

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


def score(value: float) -> str:
    """A score as it is told; - where there is none."""
    return f"{value:.3f}" if value == value else "-"
