"""The weights of `anchors.confidence`, which belong to a pair of networks and are stored with the type network."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import expit

from cryotools.anchors.confidence import PRESENCE_FEATURES, RIGHT_FEATURES, Evidence, probability
from cryotools.core.errors import DataError


@dataclass(frozen=True)
class Calibration:
    """Weights of the features that say whether a residue is there, and whether it is there and of its type; `direction`
    multiplies the nats in favour of a path's direction. The default takes the networks at their word.
    """

    presence: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0, 0.0)
    right: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    direction: float = 0.5

    def __post_init__(self) -> None:
        if len(self.presence) != len(PRESENCE_FEATURES) or len(self.right) != len(RIGHT_FEATURES):
            raise ValueError(f"{len(PRESENCE_FEATURES)} and {len(RIGHT_FEATURES)} weights are needed")

    def to_text(self) -> str:
        """As stored in the metadata of a network."""
        return json.dumps(asdict(self))

    def judge(self, evidence: Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The probabilities float32 (n,) that a residue is there, that its path has the right direction, and that it is
        there and of its most probable type.
        """
        presence = probability(evidence.presence_features(), self.presence)
        forward = expit(self.direction * evidence.direction).astype(np.float32)
        return presence, forward, probability(evidence.right_features(presence, forward), self.right)

    @classmethod
    def from_text(cls, text: str | None) -> Calibration:
        """The calibration in a network's metadata; the default if there is none.

        Raises
        ------
        DataError
            It is damaged.
        """
        if not text:
            return cls()
        try:
            found = json.loads(text)
            return cls(tuple(found["presence"]), tuple(found["right"]), float(found["direction"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"the network's calibration is damaged ({error}); train it again") from error
