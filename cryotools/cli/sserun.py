"""Shared by annotate-sse and eval-sse: the source of true classes, and the format of scores."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from cryotools.cli import options as opt


class Classes(StrEnum):
    """The source of a model's residue classes."""

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
    """A score as it is printed; - if missing."""
    return f"{value:.3f}" if value == value else "-"
