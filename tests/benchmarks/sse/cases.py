"""What every script of this folder is told: which maps, and which network judges each."""

from __future__ import annotations

import argparse
import sys
from functools import cache
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from benchtools import by_fold

from cryotools.core.compute.runner import Compute
from cryotools.core.maps.volume import Volume
from cryotools.curation.pairlist import Entry
from cryotools.sse.evaluate import Predict, by_network


def parser(description: str | None) -> argparse.ArgumentParser:
    """Options on maps and weights."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("list", help="pairs of map and model, as `cryotools curate` reads them")
    add_weights(options)
    return options


def add_weights(options: argparse.ArgumentParser) -> None:
    """Options on the network; the shipped one without any."""
    options.add_argument("--weights", help="a network made by train-sse")
    options.add_argument("--weights-of-fold", type=by_fold, default={}, metavar="0=FILE,1=FILE,…")
    options.add_argument("--device", default="cpu")
    options.add_argument("--rotations", type=int, default=1)
    options.add_argument("--lean", type=float, default=0.0)


def predictor(chosen: argparse.Namespace) -> Predict:
    """Class maps by the network that has never seen the map's fold, where one is given, else by `--weights`."""
    compute = Compute(chosen.device)

    @cache
    def network(weights: str | None) -> Predict:
        return by_network(weights, compute, chosen.rotations, chosen.lean)

    def predict(entry: Entry, volume: Volume) -> np.ndarray:
        if chosen.weights_of_fold and entry.fold not in chosen.weights_of_fold:
            raise SystemExit(f"{entry.id}: --weights-of-fold names no network for fold {entry.fold}")
        return network(chosen.weights_of_fold.get(entry.fold, chosen.weights))(entry, volume)

    return predict
