"""ChimeraX scripts (.cxc): open files, contour maps at a level, colour maps and residues."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.maps.volume import Volume


@dataclass(frozen=True)
class MapSource:
    """The `file` of a map, and how it was read: with inverted contrast, or with a voxel size and origin that differ
    from its header.
    """

    file: str
    inverted: bool = False
    placed: bool = False


class ChimeraxScript:
    """Commands for an empty ChimeraX session, in which opened files become models #1, #2, … in turn.

    `path` is where the script will be saved: file names are relative to its folder, where ChimeraX runs it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._folder = Path(path).resolve().parent
        self._lines: list[str] = []
        self._opened = 0

    def add(self, *lines: str) -> None:
        """Add commands, or comments starting with #, unchanged."""
        self._lines += lines

    def open(self, path: str | os.PathLike[str]) -> str:
        """Open a file and return its model id, such as #1."""
        relative = os.path.relpath(Path(path).resolve(), self._folder)
        self.add(f'open "{relative}"' if '"' not in relative else f"open '{relative}'")
        self._opened += 1
        return f"#{self._opened}"

    def open_series(self, name: str, paths: Sequence[str | os.PathLike[str]]) -> str:
        """Open maps of one size as a series called `name`, of which one is shown at a time; returns its model id."""
        relative = [os.path.relpath(Path(path).resolve(), self._folder) for path in paths]
        quoted = (f'"{each}"' if '"' not in each else f"'{each}'" for each in relative)
        self.add(f"open {' '.join(quoted)} vseries true name {name}")
        self._opened += 1
        return f"#{self._opened}"

    def place(self, model: str, volume: Volume) -> None:
        """Give a map the voxel size and the origin of `volume`, whatever its header says."""
        size, origin = (",".join(f"{each:.8g}" for each in three) for three in (volume.voxel_size, volume.origin))
        self.add(f"volume {model} voxelSize {size} origin {origin}")

    def open_map(self, source: MapSource, volume: Volume, level: float, colour: str) -> str:
        """Open the map that was read as `volume`, show it as a surface at `level` of that and return its model id."""
        model = self.open(source.file)
        if source.placed:
            self.place(model, volume)
        self.surface(model, -level if source.inverted else level, colour)
        return model

    def surface(self, model: str, level: float, colour: str) -> None:
        """Show a map as a surface at `level`, in units of the map."""
        self.add(f"volume {model} style surface step 1 level {level:.6g} color {colour}")

    def points(self, model: str, colours: dict[str, str]) -> None:
        """Show pseudo-atoms as small balls, coloured by chain."""
        self.add(f"style {model} ball", f"size {model} atomRadius 0.6", f"show {model} atoms")
        self.add(*(f"color {model}/{chain} {colour}" for chain, colour in colours.items()))

    def cartoon(self, model: str, colour: str) -> None:
        """Show a model as ribbons in one colour."""
        self.add(f"hide {model} atoms", f"cartoon {model}", f"color {model} {colour}")

    def text(self) -> str:
        """The whole script."""
        return "\n".join(self._lines) + "\n"


def colour_residues(
    model: str, chain: np.ndarray, number: np.ndarray, code: np.ndarray, colour_of: dict[str, np.ndarray]
) -> Iterator[str]:
    """Commands that colour residues, one per chain and colour.

    `chain`, `number` and insertion `code` (m,) identify the residues; `colour_of` has a mask (m,) for each colour.
    """
    for one in dict.fromkeys(chain.tolist()):
        shared = set(number[(chain == one) & (code != "")].tolist())
        for colour, mask in colour_of.items():
            at = np.flatnonzero((chain == one) & mask)
            if len(at):
                names = dict.fromkeys(zip(number[at].tolist(), code[at].tolist(), strict=True))
                yield f"color {model}{f'/{one}' if one else ''}:{','.join(_ranges(names, shared))} {colour}"


def _ranges(names: Iterable[tuple[int, str]], shared: Collection[int]) -> Iterator[str]:
    """Residues (number, insertion code) as ChimeraX writes them: 3-7, 9, 9A.

    Numbers shared by several residues are never part of a range, which would include them all.
    """
    run: list[int] = []
    for number, code in names:
        if run and (number in shared or number != run[-1] + 1):
            yield _range(run)
            run = []
        if number in shared:
            yield f"{number}{code}"
        else:
            run.append(number)
    if run:
        yield _range(run)


def _range(run: Sequence[int]) -> str:
    return f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}"
