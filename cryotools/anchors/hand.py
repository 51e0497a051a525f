"""The handedness of a map, determined from the helices among the paths found: which way do their Cα atoms turn?

The torsion angle of four consecutive Cα atoms of an α helix is 50°, and -50° in the mirror image, whichever way the
path runs. In neither does a strand come near: its angles are about 180°.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import HELIX
from cryotools.core.maps.check import warn_of_wrong_hand
from cryotools.core.structures.torsions import torsion_angles

_HELICAL = (20.0, 90.0)  # degrees, of either sign: room for Cα atoms that are .7 Å off
_SHARED = 4  # consecutive torsion angles have atoms in common: so many count as one
_DEVIATIONS = 3.0  # standard deviations from chance


@dataclass(frozen=True)
class HelixHand:
    """The number of torsion angles in helices that are `right`- and `left`-handed."""

    right: int
    left: int

    @property
    def is_left(self) -> bool:
        """Whether left-handed ones dominate by more than chance, if each helix turns either way at random."""
        return (self.left - self.right) / _SHARED**0.5 > _DEVIATIONS * (self.left + self.right) ** 0.5


def helix_hand(residues: DetectedResidues) -> HelixHand:
    """The hand of all four consecutive residues of paths whose most probable state is helix."""
    first = np.flatnonzero(residues.after >= 0)
    four = [first]
    for _ in range(3):
        four.append(np.where(four[-1] >= 0, residues.after[four[-1]], -1))
    at = np.stack(four, axis=1)
    at = at[(at >= 0).all(axis=1)]
    at = at[(residues.state[at].argmax(axis=2) == HELIX).all(axis=1)]
    angle = torsion_angles(*residues.ca[at].swapaxes(0, 1)) if len(at) else np.zeros(0)
    helical = (np.abs(angle) > _HELICAL[0]) & (np.abs(angle) < _HELICAL[1])
    return HelixHand(int(np.sum(helical & (angle > 0))), int(np.sum(helical & (angle < 0))))


def warn_if_left_handed(residues: DetectedResidues) -> HelixHand:
    """Warn if most helices are left-handed; returns what was counted."""
    found = helix_hand(residues)
    if found.is_left:
        warn_of_wrong_hand(
            f"{found.left} of {found.left + found.right} torsion angles of CA atoms in them are negative"
        )
    return found
