"""Poses of particles: how a volume was rotated and shifted before it was projected.

RELION stores Euler angles, cryoSPARC rotation vectors; both become rotation matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import DataError

_TOLERANCE = 1e-3  # how far from orthonormal float32 matrices may be


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses of n particles.

    Attributes
    ----------
    rotations : float64 (n, 3, 3), x_image = R @ x_volume for positions (x, y, z) relative to the centre of the box;
        projections run along z of the image
    shifts : float64 (n, 2), (x, y) as a fraction of the box, to be applied to the image to centre it

    Raises
    ------
    DataError
        A rotation is not a rotation, or a shift is not a number.
    """

    rotations: np.ndarray
    shifts: np.ndarray

    def __post_init__(self) -> None:
        rotations, shifts = (np.asarray(values, dtype=np.float64) for values in (self.rotations, self.shifts))
        if rotations.ndim != 3 or rotations.shape[1:] != (3, 3) or shifts.shape != (len(rotations), 2):
            raise ValueError(f"poses need rotations (n, 3, 3) and shifts (n, 2), not {rotations.shape}, {shifts.shape}")
        _check_rotations(rotations)
        wrong = np.flatnonzero(~np.isfinite(shifts).all(axis=1))
        if len(wrong):
            raise DataError(f"the shift of particle {wrong[0] + 1} is not a number")
        object.__setattr__(self, "rotations", rotations)
        object.__setattr__(self, "shifts", shifts)

    def __len__(self) -> int:
        return len(self.rotations)

    def __getitem__(self, which: np.ndarray | slice) -> Poses:
        """The poses of the particles selected by an index array, a mask or a slice."""
        return Poses(self.rotations[which], self.shifts[which])

    @classmethod
    def from_euler(cls, angles: np.ndarray, shifts: np.ndarray) -> Poses:
        """Poses from RELION's (rot, tilt, psi) in degrees (n, 3) and shifts (n, 2) as a fraction of the box."""
        return cls(euler_to_rotations(angles), shifts)

    @classmethod
    def from_rotation_vectors(cls, vectors: np.ndarray, shifts: np.ndarray) -> Poses:
        """Poses from cryoSPARC's rotation vectors (n, 3) in radians and shifts (n, 2) as a fraction of the box."""
        return cls(rotation_vectors_to_rotations(vectors), shifts)

    def euler(self) -> np.ndarray:
        """RELION's (rot, tilt, psi) in degrees, float64 (n, 3); tilt is between 0 and 180."""
        return rotations_to_euler(self.rotations)

    def rotation_vectors(self) -> np.ndarray:
        """Rotation vectors in radians as cryoSPARC writes them, float64 (n, 3)."""
        from scipy.spatial.transform import Rotation

        return Rotation.from_matrix(self.rotations.swapaxes(1, 2)).as_rotvec().reshape(-1, 3)


def euler_to_rotations(angles: np.ndarray) -> np.ndarray:
    """Rotation matrices (n, 3, 3) of Euler angles (n, 3), (rot, tilt, psi) in degrees.

    The convention (ZYZ) of RELION and Xmipp, Heymann, Chagoyen & Belnap (J. Struct. Biol. 151, 196, 2005).
    """
    (cr, ct, cp), (sr, st, sp) = (f(np.deg2rad(np.asarray(angles, dtype=np.float64)).T) for f in (np.cos, np.sin))
    rows = [
        [cp * ct * cr - sp * sr, cp * ct * sr + sp * cr, -cp * st],
        [-sp * ct * cr - cp * sr, -sp * ct * sr + cp * cr, sp * st],
        [st * cr, st * sr, ct],
    ]
    return np.array(rows).transpose(2, 0, 1)


def rotations_to_euler(rotations: np.ndarray) -> np.ndarray:
    """Euler angles (n, 3), (rot, tilt, psi) in degrees, of rotation matrices (n, 3, 3).

    Tilt is between 0 and 180. Where it is 0 or 180, only the sum or difference of the others matters, and rot is 0.
    """
    sine = np.hypot(rotations[:, 2, 0], rotations[:, 2, 1])
    tilt = np.arctan2(sine, rotations[:, 2, 2])
    on_axis = sine < 1e-9
    rot = np.where(on_axis, 0.0, np.arctan2(rotations[:, 2, 1], rotations[:, 2, 0]))
    around = np.arctan2(rotations[:, 0, 1], rotations[:, 1, 1])  # of psi alone, where rot is 0
    psi = np.where(on_axis, around, np.arctan2(rotations[:, 1, 2], -rotations[:, 0, 2]))
    return np.rad2deg(np.stack([rot, tilt, psi], axis=1))


def rotation_vectors_to_rotations(vectors: np.ndarray) -> np.ndarray:
    """Rotation matrices (n, 3, 3) of cryoSPARC's rotation vectors (n, 3) in radians, which rotate images to volumes."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(np.asarray(vectors, dtype=np.float64)).as_matrix().reshape(-1, 3, 3).swapaxes(1, 2)


def _check_rotations(rotations: np.ndarray) -> None:
    product = rotations @ rotations.swapaxes(1, 2)
    handed = (np.cross(rotations[:, 0], rotations[:, 1]) * rotations[:, 2]).sum(axis=1)  # 1, or -1 of a mirror image
    good = (np.abs(product - np.eye(3)).max(axis=(1, 2), initial=0) < _TOLERANCE) & (handed > 0)  # false of NaN
    wrong = np.flatnonzero(~good)
    if len(wrong):
        raise DataError(f"the pose of particle {wrong[0] + 1} is not a rotation ({len(wrong)} of {len(good)} are not)")
