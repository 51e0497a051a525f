"""What a metadata file says about its particles, in the same form for every format; no image is opened for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from cryotools.core.errors import ArgumentError
from cryotools.heterogeneity.ctf import CtfParameters


class ParticleRows(Protocol):
    """The rows of a metadata file with all that is not interpreted, so that they can be written back."""

    suffix: ClassVar[str]

    def __len__(self) -> int: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        ...

    def numbers(self, column: str) -> np.ndarray:
        """The values of a column, float64 (n,).

        Raises
        ------
        DataError
            There is no such column, or it does not hold one number per particle.
        """
        ...

    def identifiers(self) -> np.ndarray:
        """The uid that cryoSPARC gave to each particle, uint64 (n,).

        Raises
        ------
        DataError
            The file has none.
        """
        ...

    def write(self, path: str | os.PathLike[str], which: np.ndarray) -> None:
        """Write the rows selected by an index array, in that order, atomically."""
        ...


@dataclass(frozen=True, eq=False)
class Metadata:
    """n particles, in the order of the file.

    Attributes
    ----------
    path : the file
    stacks : names of image files, as given in it
    stack_of : int64 (n,), the element of `stacks` that contains a particle's image
    image : int64 (n,), its 0-based position there; -1 for the only image of a file
    image_size : int64 (n,), box in pixels; 0 where the file does not give it
    voxel_size : float64 (n,), Å per pixel; NaN where the file does not give it
    rotations : float64 (n, 3, 3), x_image = R @ x_volume, or None
    shifts : float64 (n, 2), (x, y) in pixels, to be applied to the image to centre it
    ctf : None if the file has no defocus
    optics_group : int64 (n,), as numbered in the file
    rows : None if there is nothing to write back
    """

    path: Path
    stacks: tuple[str, ...]
    stack_of: np.ndarray
    image: np.ndarray
    image_size: np.ndarray
    voxel_size: np.ndarray
    rotations: np.ndarray | None
    shifts: np.ndarray
    ctf: CtfParameters | None
    optics_group: np.ndarray
    rows: ParticleRows | None

    def __len__(self) -> int:
        return len(self.image)


def grouped(names: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The different `names` in the order of their first appearance, and which one each element is."""
    found, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return tuple(str(name) for name in found[order]), place[inverse].astype(np.int64)


def check_voxel_size(voxel_size: float | None) -> None:
    """Raise ArgumentError unless the size is None or a positive number of Å."""
    if voxel_size is not None and not 0 < voxel_size < np.inf:
        raise ArgumentError("voxel_size", voxel_size, "give a positive number of Å per pixel")
