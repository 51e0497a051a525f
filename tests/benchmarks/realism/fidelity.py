"""Measurement 1: how near simulated maps come to experimental ones, as made and with amplitudes matched."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cryotools.core.maps.distance import near_points
from cryotools.core.maps.shells import match_amplitudes
from cryotools.metrics.correlation import chimerax_level, cosine, pearson, ssim, strong_part
from cryotools.metrics.fsc import fourier_shell_correlation
from cryotools.simulate.learned.sharpness import envelope
from cryotools.training.pairs import Pair

NEAR = 3.0  # Å
MEASURES = ("Pearson near atoms", "cosine near atoms", "ChimeraX correlation", "PCC", "SSIM", "FSC area")

Makers = dict[str, Callable[[Pair], np.ndarray]]
Scores = dict[str, dict[str, float]]


def fidelity(pair: Pair, makers: Makers) -> tuple[Scores, Scores]:
    """Every measure of every kind of map of one pair: as made, and with the experimental map's radial amplitudes."""
    target = pair.target.data
    near = near_points(pair.target.grid, pair.structure.xyz, NEAR)
    mask = envelope(pair.structure, pair.target.grid)
    as_made, matched = {}, {}
    for name, make in makers.items():
        data = make(pair)
        as_made[name] = _scores(pair, data, target, near, mask)
        fitted = match_amplitudes(data * mask, target * mask, pair.target.voxel_size)
        matched[name] = _scores(pair, fitted * mask, target, near, mask)
    return as_made, matched


def _scores(pair: Pair, data: np.ndarray, target: np.ndarray, near: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    fsc = fourier_shell_correlation(data * mask, target * mask, pair.target.voxel_size)
    strong, above = strong_part(target), target >= chimerax_level(target)
    return {
        "Pearson near atoms": pearson(data[near], target[near]),
        "cosine near atoms": cosine(data[near], target[near]),
        "ChimeraX correlation": cosine(data[above], target[above]),
        "PCC": pearson(strong_part(data), strong),
        "SSIM": ssim(strong_part(data), strong),
        "FSC area": float(np.nanmean(fsc.correlation[fsc.frequency <= 1 / pair.resolution])),
    }
