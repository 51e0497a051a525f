"""Confidence from the history of a training run, to compare with that of its last state.

A network grows overconfident first where it is surest, so earlier states order its surest answers better (Y. Geifman,
G. Uziel & R. El-Yaniv, Bias-reduced uncertainty estimation for deep neural classifiers, ICLR 2019). Their averaged
early stopping: the last state names the class, and confidence is the mean over snapshots of the probability of that
class. A run keeps snapshots if `training.loop.LoopConfig.snapshots` is set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from scipy.special import softmax

from cryotools.anchors.learning.examples import ResidueExample
from cryotools.anchors.learning.types import type_logits
from cryotools.anchors.network import NONE, RESIDUE_TYPE, ResidueType
from cryotools.core.compute.checkpoint import load_network
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import DataError
from cryotools.metrics.detection import RiskCoverage, risk_coverage
from cryotools.training.runstate import SNAPSHOTS


@dataclass(frozen=True)
class ConfidenceComparison:
    """Risk and coverage of the residues of a map, ordered by two confidences: `softmax`, the last state's probability
    of its class at the temperature stored with it, and `history`, the mean over snapshots.
    """

    softmax: RiskCoverage
    history: RiskCoverage


def list_snapshots(run: Path) -> list[Path]:
    """The network files of a run's snapshots, the earliest first.

    Raises
    ------
    DataError
        There are fewer than two.
    """
    found = sorted((run / SNAPSHOTS).glob("*/model.safetensors"))
    if len(found) < 2:
        raise DataError(f"{run}: has no snapshots; train with `snapshots=10`, for example")
    return found


def averaged_confidence(logits: np.ndarray, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The classes int (n,) that the last of s states names, and the mean of the probabilities (n,) that all give them.

    Parameters
    ----------
    logits : (s, n, k), those of the earliest state first
    temperature : divides them before the softmax
    """
    classes = logits[-1].argmax(axis=1)
    probability = softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=2)
    return classes, probability[:, np.arange(len(classes)), classes].mean(axis=0)


def compare_confidences(
    snapshots: Sequence[Path], example: ResidueExample, compute: Compute | None = None
) -> ConfidenceComparison:
    """Both confidences in the amino acids at the true Cα atoms of a map, from the snapshots of a run.

    Raises
    ------
    DataError
        A file is missing or damaged, or is not of a network of types.
    """
    networks = [cast(ResidueType, load_network(path, [RESIDUE_TYPE])[0]) for path in snapshots]
    found = [type_logits(network, example, compute) for network in networks]
    logits, truth = np.stack([forward[:, :NONE] for forward, _, _ in found]), found[-1][2]
    temperature = networks[-1].config.temperature
    classes, last = averaged_confidence(logits[-1:], temperature)
    _, mean = averaged_confidence(logits, temperature)
    right = classes == truth
    return ConfidenceComparison(risk_coverage(last, right), risk_coverage(mean, right))
