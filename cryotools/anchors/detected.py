"""What is found in a map: residues in chain order, with everything that other programs and `build-model` need."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.core.maps.levels import Levels
from cryotools.core.maps.volume import Volume


@dataclass(frozen=True)
class DetectedResidues:
    """Residues found in a map, path after path and each path in its more probable direction; isolated ones come last.

    Attributes
    ----------
    ca, mass : float64 (n, 3), x, y, z in Å: the Cα, and the expected centre of mass of the residue
    presence : float32 (n,), the calibrated probability that a Cα lies within 3 Å
    types : float32 (n, 20), the calibrated probabilities of AMINO_ACIDS if a residue is there
    confidence : float32 (n,), the calibrated probability that the residue is there *and* of its most probable type
    before, after : int32 (n,), the neighbours along the path, -1 if there is none
    path : int32 (n,), the number of the path, from 0; -1 for isolated residues
    forward : float32 (n,), the probability that the path runs from N to C in the order given; 0.5 without a path
    state : float32 (n, 3), the probabilities of other, helix and strand
    density : float32 (n,), of the prepared map at Cα
    """

    ca: np.ndarray
    mass: np.ndarray
    presence: np.ndarray
    types: np.ndarray
    confidence: np.ndarray
    before: np.ndarray
    after: np.ndarray
    path: np.ndarray
    forward: np.ndarray
    state: np.ndarray
    density: np.ndarray

    def __len__(self) -> int:
        return len(self.ca)

    @property
    def amino(self) -> np.ndarray:
        """The most probable type of each residue, int (n,), an index in AMINO_ACIDS."""
        return self.types.argmax(axis=1)

    @property
    def numbers(self) -> np.ndarray:
        """Residue numbers for files, int (n,), from 1: consecutive along paths; one is skipped between paths and beside
        isolated residues.
        """
        return np.arange(len(self)) + np.cumsum(self.before < 0)

    @property
    def letters(self) -> str:
        """The most probable types as one-letter codes."""
        return "".join(AMINO_ACIDS[number] for number in self.amino)


@dataclass(frozen=True)
class Detection:
    """The residues of a map.

    Attributes
    ----------
    volume : the map
    residues : all candidates; anchors are those of high confidence
    nucleotides : positions in Å of P, C4' and C1' atoms, each (k, 3), with their probabilities (k,)
    levels : background and molecule density, on the map's own scale
    resolution : Å, as given to the networks; None if unknown
    """

    volume: Volume
    residues: DetectedResidues
    nucleotides: dict[str, tuple[np.ndarray, np.ndarray]] = field(repr=False)
    levels: Levels
    resolution: float | None

    def anchors(self, confidence: float = 0.8) -> np.ndarray:
        """The residues (k,) of at least this confidence, the surest first."""
        found = np.flatnonzero(self.residues.confidence >= confidence)
        return found[np.argsort(-self.residues.confidence[found], kind="stable")]
