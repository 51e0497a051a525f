"""Symmetry operators by the names that ChimeraX's `molmap symmetry` takes."""

from __future__ import annotations

import re

import numpy as np

from cryotools.core.errors import UsageError

_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_GOLDEN = (1 + np.sqrt(5)) / 2


def parse_axis(text: str) -> np.ndarray:
    """`x`, `y`, `z` or `a,b,c` as a unit vector (3,)."""
    try:
        vector = np.array(_AXES.get(text) or [float(v) for v in text.split(",")])
    except ValueError:
        vector = np.zeros(3)
    if vector.shape != (3,) or not np.isfinite(vector).all() or not vector.any():
        raise UsageError(f"--axis {text}: give x, y, z or three numbers such as 0,1,1")
    return vector / np.linalg.norm(vector)


def parse_point(text: str) -> np.ndarray:
    """`x,y,z` in Å as (3,)."""
    try:
        point = np.array([float(v) for v in text.split(",")])
    except ValueError:
        point = np.zeros(0)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise UsageError(f"--centerPoint {text}: give three numbers such as 10,0,25.5, in angstroms")
    return point


def operators(name: str, axis: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The operators (m, 3, 4) of a point group or helix about `axis` (3,) through `centre` (3,) Å; identity first.

    Names: Cn, Dn, T, O, I (icosahedral, two-folds on the axes) and H,rise,angle,n[,offset] (Å, degrees).

    Raises
    ------
    UsageError
        The name is none of these.
    """
    point = re.fullmatch(r"([CD])([1-9]\d*)", name, re.IGNORECASE)
    if name.upper().startswith("H,"):
        rotations, shifts = _helix(name)
    elif point or name.upper() in ("T", "O", "I"):
        rotations = _axial(point[1].upper(), int(point[2])) if point else _closure(_generators(name.upper()))
        shifts = np.zeros((len(rotations), 3))
    else:
        raise UsageError(f"--symmetry {name}: give Cn, Dn, T, O, I, H,rise,angle,n or biomt")
    turn = _z_onto(axis)
    rotations = turn @ rotations @ turn.T
    shifts = shifts @ turn.T + centre - rotations @ centre
    return np.concatenate([rotations, shifts[:, :, None]], axis=2)


def apply(operator: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    """Positions (n, 3) moved by one operator (3, 4)."""
    return xyz @ operator[:, :3].T + operator[:, 3]


def rotation(axis: np.ndarray, degrees: float) -> np.ndarray:
    """Rotation matrix (3, 3) about a unit vector (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _axial(letter: str, n: int) -> np.ndarray:
    """Cn, or Dn with a two-fold on x (m, 3, 3), identity first."""
    turns = np.array([rotation(np.array(_AXES["z"]), 360 * k / n) for k in range(n)])
    return turns if letter == "C" else np.concatenate([turns, turns @ rotation(np.array(_AXES["x"]), 180)])


def _generators(name: str) -> list[np.ndarray]:
    diagonal = np.ones(3) / np.sqrt(3)
    z = np.array(_AXES["z"])
    if name == "T":
        return [rotation(z, 180), rotation(diagonal, 120)]
    if name == "O":
        return [rotation(z, 90), rotation(diagonal, 120)]
    five = np.array([0, 1, _GOLDEN]) / np.hypot(1, _GOLDEN)
    return [rotation(z, 180), rotation(diagonal, 120), rotation(five, 72)]


def _closure(generators: list[np.ndarray]) -> np.ndarray:
    """All products of the generators (m, 3, 3), identity first."""
    group = [np.eye(3)]
    for element in group:  # grows while it is walked
        for generator in generators:
            product = generator @ element
            if not any(np.allclose(product, known, atol=1e-6) for known in group):
                group.append(product)
    return np.array(group)


def _helix(name: str) -> tuple[np.ndarray, np.ndarray]:
    parts = name.split(",")[1:]
    try:
        rise, angle, count, offset = (float(part) for part in (*parts, "0")[: max(4, len(parts))])
        numbers = np.arange(int(count)) + int(offset)
    except (ValueError, OverflowError):
        rise, angle, numbers = np.nan, np.nan, np.zeros(0)
    if not len(numbers) or not np.isfinite([rise, angle]).all():
        raise UsageError(f"--symmetry {name}: give H,rise,angle,n with rise in A and angle in degrees")
    z = np.array(_AXES["z"])
    return np.array([rotation(z, angle * k) for k in numbers]), numbers[:, None] * rise * z


def _z_onto(axis: np.ndarray) -> np.ndarray:
    """A rotation (3, 3) that takes z to `axis`."""
    z = np.array(_AXES["z"])
    cross = np.cross(z, axis)
    length = np.linalg.norm(cross)
    if length < 1e-12:
        return np.eye(3) if axis[2] > 0 else rotation(np.array(_AXES["x"]), 180)
    return rotation(cross / length, np.rad2deg(np.arctan2(length, axis @ z)))
