"""Symmetry operators by the names that ChimeraX's `molmap symmetry` accepts."""

from __future__ import annotations

import re

import numpy as np

from cryotools.core.errors import ArgumentError

_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def parse_axis(text: str) -> np.ndarray:
    """`x`, `y`, `z` or `a,b,c` as a unit vector (3,)."""
    try:
        vector = np.array(_AXES.get(text) or [float(v) for v in text.split(",")])
    except ValueError:
        vector = np.zeros(3)
    if vector.shape != (3,) or not np.isfinite(vector).all() or not vector.any():
        raise ArgumentError("axis", text, "give x, y, z or three numbers such as 0,1,1")
    return vector / np.linalg.norm(vector)


def parse_point(text: str) -> np.ndarray:
    """`x,y,z` in Å as (3,)."""
    try:
        point = np.array([float(v) for v in text.split(",")])
    except ValueError:
        point = np.zeros(0)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise ArgumentError("centre", text, "give three numbers such as 10,0,25.5, in angstroms")
    return point


def operators(name: str, axis: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The operators (m, 3, 4) of a point group or helix about `axis` (3,) through `centre` (3,) Å; identity first.

    Names: Cn, Dn, T, O, I (icosahedral, two-fold axes along x, y, z) and H,rise,angle,n[,offset] (Å, degrees).

    Raises
    ------
    UsageError
        The name is none of these.
    """
    if name.upper().startswith("H,"):
        rotations, shifts = _helix(name)
    elif re.fullmatch(r"[CD][1-9]\d*|[TOI]", name, re.IGNORECASE):
        rotations = _point_group(name.upper())
        shifts = np.zeros((len(rotations), 3))
    else:
        raise ArgumentError("symmetry", name, "give Cn, Dn, T, O, I, H,rise,angle,n or biomt")
    turn = _z_onto(axis)
    rotations = turn @ rotations @ turn.T
    shifts = shifts @ turn.T + centre - rotations @ centre
    return np.concatenate([rotations, shifts[:, :, None]], axis=2)


def apply(operator: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    """Positions (n, 3) transformed by one operator (3, 4)."""
    return xyz @ operator[:, :3].T + operator[:, 3]


def rotation(axis: np.ndarray, degrees: float) -> np.ndarray:
    """Rotation matrix (3, 3) about a unit vector."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(np.deg2rad(degrees) * axis).as_matrix()


def _point_group(name: str) -> np.ndarray:
    """The rotations (m, 3, 3) of Cn, Dn, T, O or I about z, identity first; D, T, O and I have a two-fold along x."""
    from scipy.spatial.transform import Rotation

    rotations = Rotation.create_group(name).as_matrix()
    identity = int(np.argmax(np.trace(rotations, axis1=1, axis2=2)))
    return np.concatenate([rotations[identity : identity + 1], np.delete(rotations, identity, axis=0)])


def _helix(name: str) -> tuple[np.ndarray, np.ndarray]:
    parts = name.split(",")[1:]
    try:
        rise, angle, count, offset = (float(part) for part in (*parts, "0")[: max(4, len(parts))])
        numbers = np.arange(int(count), dtype=np.float64) + int(offset)
    except (ValueError, OverflowError):
        rise, angle, numbers = np.nan, np.nan, np.zeros(0)
    if not len(numbers) or not np.isfinite([rise, angle]).all():
        raise ArgumentError("symmetry", name, "give H,rise,angle,n with rise in angstroms and angle in degrees")
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
