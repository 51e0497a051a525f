"""The networks that judge a map: the same for all, or those that never saw the map's fold."""

from __future__ import annotations

import argparse
from functools import cache

from benchtools import by_fold

from cryotools.anchors.predict import AnchorDetector
from cryotools.core.compute.runner import Compute
from cryotools.curation.pairlist import Entry


def add_networks(options: argparse.ArgumentParser) -> None:
    """The options that `Detectors` reads."""
    for name in ("--weights", "--trace-weights"):
        options.add_argument(name, metavar="FILE")
        options.add_argument(f"{name}-of-fold", type=by_fold, default={}, metavar="0=FILE,1=FILE,…")


class Detectors:
    """The detector of each map of a list, made when it is first needed."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen

    def of(self, entry: Entry) -> AnchorDetector:
        """The detector whose networks may judge this map."""
        types = self.chosen.weights_of_fold.get(entry.fold, self.chosen.weights)
        return _detector(types, self.chosen.trace_weights_of_fold.get(entry.fold, self.chosen.trace_weights))


@cache
def _detector(types: str | None, trace: str | None) -> AnchorDetector:
    return AnchorDetector(types, trace, Compute("cpu"))
