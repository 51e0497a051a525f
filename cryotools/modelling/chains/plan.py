"""Chains that are to be built, before they have atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChainPlan:
    """The residues of a chain that are to be built, from N to C.

    Attributes
    ----------
    sequence : the name of its sequence; '' if it is not known, and then it has no gaps
    position : int (n,), in the sequence, from 0; consecutive ones are bonded
    residue : int (n,), among those detected; -1 if it was added
    ca : float64 (n, 3), Å
    letters : str of n one-letter codes, X for unknown
    confidence : float64 (n,), the probability that the residue is there and of this type
    """

    sequence: str
    position: np.ndarray
    residue: np.ndarray
    ca: np.ndarray
    letters: str
    confidence: np.ndarray

    def __len__(self) -> int:
        return len(self.position)

    @property
    def bonded(self) -> np.ndarray:
        """Whether each residue is bonded to the next, bool (n,); False for the last."""
        return np.append(np.diff(self.position) == 1, np.zeros(min(len(self), 1), dtype=bool))

    def part(self, keep: np.ndarray) -> ChainPlan:
        """The residues selected by a mask (n,)."""
        return self.ordered(np.flatnonzero(keep))

    def ordered(self, order: np.ndarray) -> ChainPlan:
        """The residues in this order (n,)."""
        letters = "".join(self.letters[at] for at in order)
        return ChainPlan(
            self.sequence, self.position[order], self.residue[order], self.ca[order], letters, self.confidence[order]
        )


def concatenated(plans: Sequence[ChainPlan]) -> ChainPlan:
    """The residues of several chains as one, of the first one's sequence."""
    return ChainPlan(
        plans[0].sequence,
        np.concatenate([one.position for one in plans]),
        np.concatenate([one.residue for one in plans]),
        np.concatenate([one.ca for one in plans]),
        "".join(one.letters for one in plans),
        np.concatenate([one.confidence for one in plans]),
    )
