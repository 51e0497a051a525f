"""What if one stage of build-model were perfect, or told nothing? Detectors that stand in for the usual one.

They know the model that the map belongs to, so they are of use in measurements alone.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np

from cryotools.anchors.candidates import Candidates
from cryotools.anchors.chain import Chain
from cryotools.anchors.confidence import Evidence
from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import AMINO_ACIDS, ResidueTruth
from cryotools.anchors.predict import AnchorDetector, TracedMap
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.metrics.detection import match_points

USUAL, TRUE_CA, TRUE_TYPES, NO_DIRECTION = "as it is", "true Cα", "true types", "no direction"
NAMES = (USUAL, TRUE_CA, TRUE_TYPES, NO_DIRECTION)
_SURE = 0.95  # probability of a type that is known
_NEAR = 3.0  # Å


def detector_for(name: str, detector: AnchorDetector, truth: ResidueTruth) -> AnchorDetector:
    """The detector of a hypothesis, with the networks of `detector`, for a map whose model is `truth`."""
    kinds = {USUAL: AnchorDetector, TRUE_CA: TrueCa, TRUE_TYPES: TrueTypes, NO_DIRECTION: NoDirection}
    found = object.__new__(kinds[name])
    found.__dict__.update(vars(detector), truth=truth)
    return found


class TrueCa(AnchorDetector):
    """Chains are those of the model; directions and types are as seen in the map."""

    truth: ResidueTruth

    def traced(self, volume: Volume, resolution: float | None = None, progress: Progress | None = None) -> TracedMap:
        """The model's Cα atoms as candidates and its chains as paths, every other one turned around."""
        seen = super().traced(volume, resolution, progress)
        density, grid = seen.prepared.volume.data, seen.prepared.volume.grid
        inside = grid.contains(self.truth.ca.astype(np.float64))
        order, path = _turned_chains(self.truth, inside)
        index = grid.world_to_index(self.truth.ca[order].astype(np.float64))
        at = tuple(np.clip(np.rint(index), 0, np.array(density.shape[::-1]) - 1).astype(int).T[::-1])
        sure = np.ones(len(index), dtype=np.float32)
        candidates = Candidates(index, sure, seen.channels[(slice(None), *at)].T, density[at].astype(np.float32))
        return replace(seen, candidates=candidates, chain=_chain(index, path))


class TrueTypes(AnchorDetector):
    """Residues near one of the model have its type; positions, paths and directions are as seen in the map."""

    truth: ResidueTruth

    def named(self, traced: TracedMap) -> tuple[DetectedResidues, Evidence]:
        """As usual, then told the types."""
        residues, evidence = super().named(traced)
        matched = match_points(residues.ca, self.truth.ca.astype(np.float64), _NEAR)
        amino = self.truth.amino[matched.truth]
        known = amino < len(AMINO_ACIDS)
        types = residues.types.copy()
        types[matched.found[known]] = (1 - _SURE) / (len(AMINO_ACIDS) - 1)
        types[matched.found[known], amino[known]] = _SURE
        return replace(residues, types=types), evidence


class NoDirection(AnchorDetector):
    """Types are looked up along paths as they happen to run, and nothing is known of their direction."""

    truth: ResidueTruth

    def named(self, traced: TracedMap) -> tuple[DetectedResidues, Evidence]:
        """Without the odds of directions."""
        with patch("cryotools.anchors.predict.direction_odds", lambda forward, backward, path: np.zeros(len(path))):
            return super().named(traced)


def _turned_chains(truth: ResidueTruth, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The residues `inside` that are bonded to another, every other piece of chain backwards, and the number of the
    piece of each.
    """
    bonded = (truth.after >= 0) & inside & inside[truth.after]
    pieces = np.split(np.arange(len(truth)), np.flatnonzero(~bonded[:-1]) + 1)
    kept = sorted((one for one in pieces if len(one) > 1), key=len, reverse=True)
    turned = [one[::-1] if number % 2 else one for number, one in enumerate(kept)]
    return np.concatenate(turned), np.repeat(np.arange(len(kept), dtype=np.int32), [len(one) for one in kept])


def _chain(index: np.ndarray, path: np.ndarray) -> Chain:
    """Paths through all of the positions (n, 3) in this order."""
    each = np.arange(len(index))
    bonded = np.append(path[1:] == path[:-1], False)
    after = np.where(bonded, each + 1, -1)
    before = np.where(np.append(False, bonded[:-1]), each - 1, -1)
    ahead, behind = index[after], index[before]
    following = np.where((after >= 0)[:, None], ahead, 2 * index - behind)
    previous = np.where((before >= 0)[:, None], behind, 2 * index - ahead)
    return Chain(each, index, previous, following, before.astype(np.int32), after.astype(np.int32), path)
