"""A detector whose results are kept in a folder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.anchors.candidates import Candidates
from cryotools.anchors.chain import Chain
from cryotools.anchors.confidence import Evidence
from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.predict import AnchorDetector, TracedMap
from cryotools.core.maps.check import check_values
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.modelling.kept import KeptStages, content_digest


@dataclass(frozen=True)
class _Channels:
    values: np.ndarray


class KeptDetector(AnchorDetector):
    """`detector`, which does not do again what is kept."""

    def __init__(self, detector: AnchorDetector, kept: KeptStages) -> None:
        vars(self).update(vars(detector))
        self.kept = kept
        states = [network.state_dict() for network in (self.trace, self.types)]
        of_networks = [[name, value.cpu().numpy()] for state in states for name, value in state.items()]
        self.about = content_digest(
            [of_networks, self.rotations, self.calibration, self.types.config, self.compute.precision]
        )

    def traced(self, volume: Volume, resolution: float | None = None, progress: Progress | None = None) -> TracedMap:
        """As the detector does."""
        made: list[TracedMap] = []

        def make() -> list[object]:
            made.append(super(KeptDetector, self).traced(volume, resolution, progress))
            return [_Channels(made[0].channels), made[0].candidates, made[0].chain]

        facts = [self.about, volume.data, volume.voxel_size, volume.origin, resolution]
        channels, candidates, chain = self.kept.of("traced", facts, (_Channels, Candidates, Chain), make)
        if made:
            return made[0]
        prepared = prepare_map(volume, resolution, check_values(volume))
        return TracedMap(prepared, channels.values, candidates, chain, resolution)

    def named(self, traced: TracedMap) -> tuple[DetectedResidues, Evidence]:
        """As the detector does."""
        facts = [self.about, traced.prepared.volume.data, traced.candidates, traced.chain, traced.resolution]
        residues, evidence = self.kept.of(
            "named", facts, (DetectedResidues, Evidence), lambda: list(super(KeptDetector, self).named(traced))
        )
        return residues, evidence
