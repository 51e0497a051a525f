"""The axis about which a part of a molecule turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cryotools.core.errors import ArgumentError, DataError
from cryotools.core.structures.selection import in_chains, select
from cryotools.core.structures.structure import Structure

_CONTACT = 2.0  # Å beyond the shortest distance between the parts: atoms that near are in contact
_SHORTEST = 0.1  # Å between the two points of an axis


@dataclass(frozen=True, eq=False)
class TurningAxis:
    """A line through `point` along the unit vector `direction`, (3,) each, Å; turns are right-handed about it."""

    point: np.ndarray
    direction: np.ndarray


def moving_part(structure: Structure, text: str) -> np.ndarray:
    """Mask of the atoms that `text` names: chain ids such as H,L, or, in several words, a selection.

    Raises
    ------
    DataError
        A chain is not there, or the part is nothing or everything.
    UsageError
        The selection does not follow the grammar.
    """
    chains = len(text.split()) == 1
    mask = in_chains(structure, tuple(text.split(","))) if chains else select(structure, text)
    if mask.all() or not mask.any():
        words = "all" if mask.all() else "none"
        raise DataError(f"{structure.name}: '{text}' selects {words} of its {len(mask)} atoms; select a part")
    return mask


def turning_axis(
    structure: Structure, moving: np.ndarray, hinge: str | None = None, origin: str | None = None
) -> TurningAxis:
    """The axis from `origin` to `hinge`, each x,y,z in Å or a selection, whose centre is taken.

    By default the hinge is the centre of the contact between the moving atoms and the others, and the origin is the
    centre of the others: the moving part turns like the far end of a dihedral angle, which changes where it points to
    and not how it is joined.

    Raises
    ------
    ArgumentError
        A point is not three numbers and selects no atoms, or the points coincide.
    """
    to = _contact(structure, moving) if hinge is None else _point(structure, hinge, "hinge")
    start = structure.xyz[~moving].mean(axis=0) if origin is None else _point(structure, origin, "axis")
    length = float(np.linalg.norm(to - start))
    if length < _SHORTEST:
        raise ArgumentError("axis", origin or "", "lies at the hinge; name another point for the axis to go through")
    return TurningAxis(to, (to - start) / length)


def _contact(structure: Structure, moving: np.ndarray) -> np.ndarray:
    """The centre of the atoms of either part that are nearest to the other part."""
    parts = structure.xyz[moving], structure.xyz[~moving]
    near = [cKDTree(other).query(part)[0] for part, other in (parts, parts[::-1])]
    reach = near[0].min() + _CONTACT
    return np.mean([part[each <= reach].mean(axis=0) for part, each in zip(parts, near, strict=True)], axis=0)


def _point(structure: Structure, text: str, name: str) -> np.ndarray:
    try:
        numbers = np.array([float(part) for part in text.split(",")])
    except ValueError:
        mask = select(structure, text)
        if not mask.any():
            raise ArgumentError(name, f"'{text}'", "selects no atoms") from None
        return structure.xyz[mask].mean(axis=0)
    if numbers.shape != (3,) or not np.isfinite(numbers).all():
        raise ArgumentError(name, text, "give x,y,z in Å, or a selection of atoms")
    return numbers
