"""The images of particles, in any number of stacks: found, checked before anything is read, and read when asked for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError
from cryotools.core.maps.stackfile import ImageStack, open_stack
from cryotools.core.memory import available_bytes
from cryotools.heterogeneity.fourier import fourier_crop
from cryotools.heterogeneity.metadata.record import Metadata

_AT_ONCE = 256  # images that are reduced together


@dataclass(frozen=True, eq=False)
class ParticleImages:
    """n square images in `stacks`; `read` returns some of them.

    Attributes
    ----------
    stack_of, image : int64 (n,), the stack and the 0-based image in it
    box : pixels along an edge of the images that `read` returns
    stored_box : pixels along an edge in the files
    memory : images kept after they were first read (n, box, box), and which of them are there (n,); None keeps none
    """

    stacks: tuple[ImageStack, ...]
    stack_of: np.ndarray
    image: np.ndarray
    box: int
    stored_box: int
    memory: tuple[np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, which: np.ndarray | slice) -> ParticleImages:
        """The images selected by an index array, a mask or a slice; none of them is in memory."""
        return replace(self, stack_of=self.stack_of[which], image=self.image[which], memory=None)

    @property
    def n_bytes(self) -> int:
        """Size of all images as `read` returns them."""
        return len(self) * self.box**2 * 4

    def read(self, which: np.ndarray | slice) -> np.ndarray:
        """The images selected by an index array (k,), a mask or a slice, in that order: float32 (k, box, box).

        Raises
        ------
        DataError
            An image is not finite, there is no such image, or a file has changed.
        """
        if isinstance(which, slice) or np.asarray(which).dtype == bool:
            which = np.arange(len(self))[which]
        which = np.asarray(which, dtype=np.int64)
        if len(which) and not (which.min() >= 0 and which.max() < len(self)):
            raise DataError(f"there is no particle {which.max() + 1}; there are {len(self)}")
        if self.memory is None:
            return self._from_files(which)
        images, there = self.memory
        new = np.unique(which[~there[which]])
        images[new] = self._from_files(new)
        there[new] = True
        return images[which]

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All images in order, up to `size` at once: their indices and the images."""
        for start in range(0, len(self), size):
            which = np.arange(start, min(start + size, len(self)))
            yield which, self.read(which)

    def kept(self, share: float = 0.25) -> ParticleImages:
        """The same images, kept in memory once read, if all of them fit in this share of the free memory."""
        if self.memory is not None or self.n_bytes > share * available_bytes():
            return self
        room = np.empty((len(self), self.box, self.box), dtype=np.float32)
        return replace(self, memory=(room, np.zeros(len(self), dtype=bool)))

    def _from_files(self, which: np.ndarray) -> np.ndarray:
        images = np.empty((len(which), self.box, self.box), dtype=np.float32)
        order = np.argsort(self.stack_of[which], kind="stable")
        stacks, begins = np.unique(self.stack_of[which][order], return_index=True)
        for stack, here in zip(stacks, np.split(order, begins[1:]), strict=False):  # both empty, or of one length
            for start in range(0, len(here), _AT_ONCE):
                part = here[start : start + _AT_ONCE]
                images[part] = self._from_stack(self.stacks[stack], self.image[which[part]])
        return images

    def _from_stack(self, stack: ImageStack, image: np.ndarray) -> np.ndarray:
        found = stack.read(image)
        finite = np.isfinite(found).all(axis=(1, 2))
        if not finite.all():
            bad = image[np.flatnonzero(~finite)[0]] + 1
            raise DataError(f"{stack.path}: image {bad} contains NaN or infinity; leave this particle out")
        return found if self.box == self.stored_box else fourier_crop(found, self.box)


def open_images(
    metadata: Metadata,
    stacks: tuple[ImageStack, ...] | None = None,
    *,
    datadir: str | os.PathLike[str] | None = None,
    downsample: int | None = None,
) -> ParticleImages:
    """Find and check all stacks of `metadata`, without reading an image.

    Parameters
    ----------
    stacks : those of `metadata` if they are open already
    datadir : folder in which to look for them first, see `find_stack`
    downsample : box in pixels to which images are reduced by Fourier cropping when read

    Raises
    ------
    DataError
        A stack is missing, has fewer images than named, or its images are not square, odd or of different sizes.
    ArgumentError
        `downsample` is not an even number between 2 and the box.
    """
    first = np.unique(metadata.stack_of, return_index=True)[1] + 1
    if stacks is None:
        sources = [f"{metadata.path}: row {row}" for row in first]
        found = [find_stack(*each, metadata.path, datadir) for each in zip(metadata.stacks, sources, strict=True)]
        stacks = open_stacks(found)
    _check_counts(stacks, metadata)
    stored = _box(stacks, metadata)
    box = stored if downsample is None else downsample
    if box % 2 or not 2 <= box <= stored:
        raise ArgumentError("downsample", box, f"give an even number of pixels, 2 to {stored}")
    return ParticleImages(stacks, metadata.stack_of, np.maximum(metadata.image, 0), box, stored)


def open_stacks(paths: Sequence[str | os.PathLike[str]]) -> tuple[ImageStack, ...]:
    """Open many stacks; what is odd about several of them alike is told once.

    Raises
    ------
    DataError
        One is not a stack of images.
    """
    stacks: list[ImageStack] = []
    odd: dict[str, list[str]] = {}
    for path in paths:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            stacks.append(open_stack(path))
        for each in heard:
            odd.setdefault(str(each.message).removeprefix(f"{path}: "), []).append(str(path))
    for oddity, where in odd.items():
        more = f" (and {len(where) - 1} more stacks)" if len(where) > 1 else ""
        warnings.warn(f"{where[0]}{more}: {oddity}", CryotoolsWarning, stacklevel=3)
    return tuple(stacks)


def find_stack(
    name: str, wanted_by: str, path: str | os.PathLike[str], datadir: str | os.PathLike[str] | None = None
) -> Path:
    """The stack that the file `path` calls `name`.

    It is looked for as named, then below the folder of `path` and the folders around it (so that a project's folder is
    found), then by its base name beside `path`; before all that in `datadir`, with its folders and without them.
    Where it is nowhere, it may be there with .gz or .bz2 at the end of its name.

    Raises
    ------
    DataError
        It is nowhere; the message begins with `wanted_by`.
    """
    home, base = Path(path).absolute().parent, Path(name).name
    places = [] if datadir is None else [Path(datadir) / name, Path(datadir) / base]
    places += [Path(name), *(folder / name for folder in (home, *home.parents)), home / base]
    packed = [place.with_name(place.name + suffix) for place in places for suffix in (".gz", ".bz2")]
    for place in (*places, *packed):
        if place.is_file():
            return place
    where = "" if datadir is None else f"{datadir} and "
    raise DataError(f"{wanted_by}: the stack {name} is not in {where}{home}; name its folder, `datadir`")


def _check_counts(stacks: tuple[ImageStack, ...], metadata: Metadata) -> None:
    """Raise DataError if a particle asks for an image that its stack does not have."""
    counts = np.array([len(stack) for stack in stacks])[metadata.stack_of]
    over = np.flatnonzero(metadata.image >= counts)
    if len(over):
        stack, image = stacks[metadata.stack_of[over[0]]], metadata.image[over[0]] + 1
        raise DataError(
            f"{metadata.path}: row {over[0] + 1}: asks for image {image} of {stack.path}, which has {len(stack)}; "
            "is it the stack of this file?"
        )
    vague = np.flatnonzero((metadata.image < 0) & (counts > 1))
    if len(vague):
        stack = stacks[metadata.stack_of[vague[0]]]
        raise DataError(
            f"{metadata.path}: row {vague[0] + 1}: names {stack.path}, which has {len(stack)} images, without saying "
            "which (as 000001@ does)"
        )


def _box(stacks: tuple[ImageStack, ...], metadata: Metadata) -> int:
    """The common size of all images, an even number of pixels, which must be what the metadata say."""
    first = stacks[0]
    ny, nx = first.shape
    if ny != nx or nx % 2:
        kind = "not square" if ny != nx else "odd"
        raise DataError(f"{first.path}: the images measure {nx} x {ny} pixels, which is {kind}; give even square boxes")
    other = next((stack for stack in stacks if stack.shape != first.shape), None)
    if other is not None:
        raise DataError(
            f"{other.path}: the images measure {other.shape[1]} x {other.shape[0]} pixels, those of {first.path} "
            f"{nx} x {ny}; bring all to one box first"
        )
    told = metadata.image_size[metadata.image_size > 0]
    if (told != nx).any():
        raise DataError(
            f"{first.path}: the images measure {nx} pixels, but {metadata.path} says {told[told != nx][0]}; give the "
            "stack that belongs to it, and `downsample` for a smaller box"
        )
    return nx
