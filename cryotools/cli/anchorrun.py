"""How detect-anchors uses homologs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cryotools.cli.console import note

if TYPE_CHECKING:
    from cryotools.anchors.detected import Detection
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.anchors.sequence import SequenceFit
    from cryotools.core.maps.volume import Volume
    from cryotools.core.progress import Progress
    from cryotools.homologs.structures import HomologChain


class Method(StrEnum):
    """How homologs are used."""

    dock = "dock"
    finetune = "finetune"


@dataclass(frozen=True)
class HomologUse:
    """Homologs of detect-anchors: their folder, the method, copies to dock, and the networks' files."""

    folder: str
    method: Method
    copies: int | None
    weights: str | None
    trace_weights: str | None

    @cached_property
    def chains(self) -> list[HomologChain]:
        """The homologs, read once."""
        from cryotools.homologs.structures import homolog_chains

        return homolog_chains(self.folder)

    def tuned(
        self, detector: AnchorDetector, volume: Volume, resolution: float | None, progress: Progress
    ) -> AnchorDetector:
        """The detector, fitted to the map if that is the method; says which network that is."""
        from cryotools.homologs.detect import tuned_detector

        assert resolution is not None  # checked before anything is read
        if not self.chains or self.method != Method.finetune:
            return detector
        found, path, cached = tuned_detector(
            detector,
            volume,
            resolution,
            self.chains,
            weights=self.weights,
            trace_weights=self.trace_weights,
            progress=progress,
        )
        note(f"{path}: {'from the cache' if cached else 'fine-tuned, and kept'}")
        return found

    def docked(
        self, detection: Detection, fits: list[SequenceFit] | None, progress: Progress
    ) -> tuple[Detection, list[SequenceFit] | None, dict[str, Any]]:
        """The detection and its fits to sequences after docking, if that is the method, and what is said about it."""
        from cryotools.homologs.detect import with_docked_homologs

        said: dict[str, Any] = {"docked": [], "n_homologs": len(self.chains)}
        if not self.chains or self.method != Method.dock:
            return detection, fits, said
        found = with_docked_homologs(detection, self.chains, copies=self.copies, fits=fits, progress=progress)
        for one in found.docked:
            facts = {"file": one.placement.structure.name, "query": one.query, "n_residues": len(one.residues)}
            facts |= {"correlation": one.placement.correlation, "confidence": one.placement.probability}
            said["docked"].append(facts | {"n_sure": int((one.sure >= 0.8).sum())})
            note(
                f"{facts['file']}: docked, correlation {facts['correlation']:.2f}, confidence "
                f"{facts['confidence']:.2f}; {facts['n_residues']} residues lie at letters of "
                f"{one.query}, {said['docked'][-1]['n_sure']} surely"
            )
        if not found.docked:
            note(f"{self.folder}: no homolog fits the map significantly; its structures change nothing")
        placed = {"n_placed_without_homologs": sum(len(one) for one in found.fits if one.accepted)}
        return found.detection, list(found.fits) if fits is not None else None, said | placed
