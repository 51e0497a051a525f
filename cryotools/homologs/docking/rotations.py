"""Rotations that cover all orientations evenly."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

_PHI, _PSI = np.sqrt(2.0), 1.533751168755204288118041  # the spiral's two steps


def even_rotations(count: int) -> Rotation:
    """`count` rotations spread evenly: super-Fibonacci spirals (M. Alexa, CVPR 2022, algorithm 1).

    Neighbours are about (8 pi² / count)^(1/3) radians apart, 17° for 3000.
    """
    s = np.arange(count) + 0.5
    t = s / count
    inner, outer = np.sqrt(t), np.sqrt(1 - t)
    alpha, beta = 2 * np.pi * s / _PHI, 2 * np.pi * s / _PSI
    return Rotation.from_quat(
        np.stack([inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)], axis=1)
    )
