"""The states that a simulated set has images of: separate files, a part that turns, or subunits that are added.

All states are in one frame and have one centre, so that a motion is not removed by centring each of them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError, UsageError
from cryotools.core.files.bytestream import open_bytes, read_upto
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.selection import in_chains
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import StructureLike, looks_like_structure
from cryotools.heterogeneity.simulation.hinge import TurningAxis, moving_part, turning_axis
from cryotools.simulate.atoms import AtomChoice, choose_atoms

_START = 4096  # bytes of a file that tell a structure from a map
_WHOLE_TURN = 360.0
_FILLED = 0.65  # of the box


@dataclass(frozen=True, eq=False)
class States:
    """k states.

    Attributes
    ----------
    sources : atoms or a map of each
    centre : (x, y, z) in Å, common to all: the middle of the smallest box around all atoms of all states; if one of
        them is a map, the middle voxel (n // 2 along each axis) of the first one
    radius : Å, the largest distance of an atom from it; None of maps alone
    motion : float64 (k,), the place 0 to 1 of each state on a motion; None if there is none
    """

    sources: tuple[Structure | Volume, ...]
    centre: np.ndarray
    radius: float | None
    motion: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.sources)

    @classmethod
    def of(cls, sources: Sequence[Structure | Volume], motion: np.ndarray | None = None) -> States:
        """The states of atoms or maps that are in one frame."""
        maps = [source for source in sources if isinstance(source, Volume)]
        atoms = [source.xyz for source in sources if isinstance(source, Structure)]
        if maps:
            centre = maps[0].grid.index_to_world(np.array(maps[0].data.shape[::-1]) // 2)
        else:
            low, high = (np.array([f(xyz, axis=0) for xyz in atoms]) for f in (np.min, np.max))
            centre = (low.min(axis=0) + high.max(axis=0)) / 2
        farthest = [float(np.linalg.norm(xyz - centre, axis=1).max()) for xyz in atoms]
        return cls(tuple(sources), centre, max(farthest, default=None), motion)

    def suited_voxel_size(self, box: int) -> float:
        """Å per pixel, to three digits, at which all atoms take up 65 % of the box, or a map has its whole extent."""
        (first, *_) = self.sources
        if self.radius is not None:
            return float(f"{2 * self.radius / _FILLED / box:.3g}")
        assert isinstance(first, Volume)
        return float(f"{max(first.grid.size) / box:.6g}")

    def check_fit(self, box: int, voxel_size: float, shift: float = 0.0) -> None:
        """Raise an error if atoms are outside the sphere in the box, and warn if shifts (pixels) move some out of it.

        Raises
        ------
        ArgumentError
            The voxel size is not a positive number.
        DataError
            The molecule is larger than the box.
        """
        if not 0 < voxel_size < np.inf:
            raise ArgumentError("apix", voxel_size, "give a positive number of Å per pixel")
        size, edge = 2 * (self.radius or 0.0), box * voxel_size
        if size > edge:
            raise DataError(
                f"the states reach {size:.0f} Å across, more than the box of {box} pixels of {voxel_size:g} Å "
                f"({edge:.0f} Å); give a larger `box` or `apix`"
            )
        if size + 2 * shift * voxel_size > edge:
            told = f"shifts of {shift:g} pixels move parts of the states ({size:.0f} Å across) out of the box"
            warnings.warn(told, CryotoolsWarning, stacklevel=3)


@dataclass(frozen=True)
class Motion:
    """How a structure becomes several states: a part of it, `rotate` (see `moving_part`), turns about the axis of
    `turning_axis` through `angles` (degrees) in `count` steps; or `subunits`, groups of chains, are added one by one.
    """

    rotate: str | None = None
    angles: tuple[float, float] = (0.0, 360.0)
    count: int = 100
    hinge: str | None = None
    axis: str | None = None
    subunits: tuple[tuple[str, ...], ...] = ()


def make_states(given: Sequence[StructureLike | Volume], motion: Motion | None = None) -> States:
    """A state for each structure (without waters) or map, files or in memory; with a motion, those of one structure.

    Raises
    ------
    UsageError
        A motion of several files, of a map, or of two kinds.
    DataError
        A file is missing or broken, or lacks the chains.
    """
    motion = motion or Motion()
    sources = [_read(each) for each in given]
    if motion.rotate is None and not motion.subunits:
        return States.of(sources)
    if motion.rotate is not None and motion.subunits:
        raise UsageError("a part turns or subunits are added: give `rotate` or `subunits`")
    (structure, *others) = sources
    if others or not isinstance(structure, Structure):
        raise UsageError("`rotate` and `subunits` make states of one structure; give one PDB or mmCIF file")
    if motion.subunits:
        return growing_states(structure, motion.subunits)
    assert motion.rotate is not None
    moving = moving_part(structure, motion.rotate)
    axis = turning_axis(structure, moving, motion.hinge, motion.axis)
    return turned_states(structure, moving, axis, motion.angles, motion.count)


def turned_states(
    structure: Structure, moving: np.ndarray, axis: TurningAxis, angles: tuple[float, float], count: int
) -> States:
    """`count` states of a structure whose atoms `moving` (mask) are turned about `axis`, by equal steps.

    Parameters
    ----------
    angles : degrees, first and last; both are states, except that the end of a whole turn is its beginning

    Raises
    ------
    ArgumentError
        There are fewer than two states, or the angles are equal or further apart than a whole turn.
    """
    low, high = angles
    if count < 2:
        raise ArgumentError("states", count, "give two or more states of a motion")
    if not (np.isfinite(angles).all() and 0 < abs(high - low) <= _WHOLE_TURN):
        raise ArgumentError("angle", f"{low:g}:{high:g}", f"give two different angles, up to {_WHOLE_TURN:g} apart")
    motion = np.linspace(0, 1, count, endpoint=abs(high - low) < _WHOLE_TURN)
    turned = []
    for angle in low + (high - low) * motion:
        xyz = structure.xyz.copy()
        rotation = Rotation.from_rotvec(np.deg2rad(angle) * axis.direction)
        xyz[moving] = rotation.apply(xyz[moving] - axis.point) + axis.point
        turned.append(structure.with_xyz(xyz))
    return States.of(turned, motion)


def growing_states(structure: Structure, groups: Sequence[tuple[str, ...]]) -> States:
    """A state for each of the `groups` of chains: it has the chains of this and all earlier groups.

    Raises
    ------
    DataError
        A chain is not there.
    ArgumentError
        A chain is in two groups.
    """
    every = [chain for group in groups for chain in group]
    twice = [chain for chain in every if every.count(chain) > 1]
    if twice:
        raise ArgumentError("subunits", twice[0], "name each chain once")
    masks = np.cumsum([in_chains(structure, group) for group in groups], axis=0) > 0
    return States.of([structure[mask] for mask in masks])


def _read(given: StructureLike | Volume) -> Structure | Volume:
    if isinstance(given, Volume):
        return given
    if isinstance(given, Structure) or _is_structure(given):
        return choose_atoms(given, AtomChoice())
    return read_map(given)


def _is_structure(path: str | os.PathLike[str]) -> bool:
    with open_bytes(path) as stream:
        return looks_like_structure(bytes(read_upto(stream, _START)))
