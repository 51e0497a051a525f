"""Shared by annotate-sse and eval-sse: the source of true classes, how homologs are used, and the format of scores."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from cryotools.cli import options as opt
from cryotools.cli.console import note

if TYPE_CHECKING:
    from cryotools.core.maps.volume import Volume
    from cryotools.core.progress import Progress
    from cryotools.sse.predict import Annotation, Annotator


class Classes(StrEnum):
    """The source of a model's residue classes."""

    dssp = "dssp"
    author = "author"


class Method(StrEnum):
    """How homologs are used."""

    dock = "dock"
    both = "both"
    finetune = "finetune"


@dataclass(frozen=True)
class HomologUse:
    """Homologs of annotate-sse: their folder, the method, copies to dock, and the network's file."""

    folder: str
    method: Method
    copies: int | None
    weights: str | None

    def annotate(
        self, annotator: Annotator, volume: Volume, resolution: float | None, progress: Progress
    ) -> tuple[Annotation, dict[str, Any]]:
        """The annotation with their help, and what is said about it."""
        from cryotools.homologs.annotate import annotate_with_homologs
        from cryotools.homologs.structures import homolog_structures

        assert resolution is not None  # checked before anything is read
        structures = homolog_structures(self.folder)
        found = annotate_with_homologs(
            volume,
            resolution,
            structures,
            method=self.method.value,
            copies=self.copies,
            weights=self.weights,
            compute=annotator.compute,
            rotations=annotator.rotations,
            bias=annotator.bias,
            progress=progress,
        )
        docked = [
            {
                "file": one.structure.name,
                "correlation": one.correlation,
                "confidence": one.probability,
            }
            for one in found.placements
        ]
        for one in docked:
            note(f"{one['file']}: docked, correlation {one['correlation']:.2f}, confidence {one['confidence']:.2f}")
        if structures and self.method != Method.finetune and not docked:
            note(f"{self.folder}: no homolog fits the map significantly; the network alone is used")
        if found.weights:
            note(f"{found.weights}: {'from the cache' if found.cached else 'fine-tuned, and kept'}")
        said: dict[str, Any] = {"docked": docked, "n_homologs": len(structures)}
        return found.annotation, said | {"tuned_weights": str(found.weights) if found.weights else None}


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
