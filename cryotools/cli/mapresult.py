"""Output of struc2map, molmap and pdb2mrc: write the map, draw it and print a summary."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from cryotools.cli.console import detail, note, print_json
from cryotools.core.errors import UsageError
from cryotools.core.files.output import output_set
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import KIND_NAMES, Structure


def beside(output: str, word: str, count: int) -> list[str]:
    """File names of maps that accompany `output`: out_half1.mrc, out_half2.mrc … for out.mrc and the word "half".

    Raises
    ------
    UsageError
        `output` lacks the suffix of a map.
    """
    found = re.fullmatch(r"(.*)(\.(?:mrc|map|ccp4)(?:\.gz|\.bz2)?)", output, re.IGNORECASE | re.DOTALL)
    if not found:
        raise UsageError(f"{output}: {word} maps are named after the output; end its name in .mrc, .map or .ccp4")
    stem, suffix = found.groups()
    return [f"{stem}_{word}{number}{suffix}" for number in range(1, count + 1)]


@dataclass(frozen=True)
class MapResult:
    """A simulated map to be written to `output`: made from `atoms`, as described by `label`; `mode` is the MRC mode.

    `more` is a second label, `companions` are maps to write before it, by kind (half, sample), `sharpness` (Å²) is
    reported by --json.
    """

    output: str
    volume: Volume
    atoms: Structure
    label: str
    mode: int = 2
    more: str = ""
    companions: Mapping[str, list[tuple[str, Volume]]] = field(default_factory=dict)
    sharpness: float | None = None

    def save(self, preview: str | None, as_json: bool) -> None:
        """Write the map and, if requested, its picture; then describe it, as JSON or in a summary."""
        numbers = self.write()
        if preview:
            from cryotools.view.picture import draw_maps

            draw_maps(preview, {self.output: self.volume}, self.atoms)
        self._report(self.figures(numbers), as_json)

    def write(self) -> tuple[float, float, float, float]:
        """Write the map and its companions; returns minimum, maximum, mean and standard deviation of the map.

        The map is written last, so if it exists, so do its companions; if one fails, none is written.
        """
        with output_set():
            for path, volume in chain(*self.companions.values()):
                self._write(path, volume)
            return self._write(self.output, self.volume)

    def _write(self, path: str, volume: Volume) -> tuple[float, float, float, float]:
        *before, last = (line[:80] for line in (self.label, self.more) if line)
        return write_map(path, volume, label=last, mode=self.mode, labels=before)

    def _report(self, figures: dict[str, Any], as_json: bool) -> None:
        if as_json:
            print_json(figures)
            return
        kinds = ", ".join(f"{count} of {name}" for name, count in figures["atoms_by_kind"].items())
        size, origin = (tuple(figures[key]) for key in ("shape_xyz", "origin_A"))
        note(f"{self.atoms.name}: {figures['n_atoms']} atoms ({kinds})")
        note(
            f"{self.output}: {size[0]} x {size[1]} x {size[2]} voxels of {self.volume.voxel_size[0]:.4g} A, "
            f"origin ({', '.join(f'{v:.2f}' for v in origin)}) A, maximum {figures['maximum']:.4g}, "
            f"mean {figures['mean']:.4g}"
        )
        for kind, files in self.companions.items():
            note(f"{kind} maps: {', '.join(path for path, _ in files)}")
        if self.sharpness is not None:
            note(f"sharpness: {self.sharpness:.4g} A^2 relative to molmap")
        detail(f"header label: {self.label} {self.more}".rstrip())
        detail(f"{time.process_time():.2f} CPU seconds with {os.environ['OMP_NUM_THREADS']} threads")

    def figures(self, numbers: tuple[float, float, float, float]) -> dict[str, Any]:
        """Figures for the map and its atoms; `numbers` are minimum, maximum, mean and standard deviation."""
        low, high, mean, deviation = numbers
        kinds = {name: int((self.atoms.kind == number).sum()) for number, name in enumerate(KIND_NAMES)}
        figures: dict[str, Any] = {
            "output": self.output,
            "n_atoms": len(self.atoms),
            "atoms_by_kind": {name: count for name, count in kinds.items() if count},
            "shape_xyz": list(self.volume.data.shape[::-1]),
            "voxel_size_A": list(self.volume.voxel_size),
            "origin_A": list(self.volume.origin),
            "minimum": low,
            "maximum": high,
            "mean": mean,
            "standard_deviation": deviation,
        }
        for kind, files in self.companions.items():
            figures[f"{kind}_maps"] = [path for path, _ in files]
        if self.sharpness is not None:
            figures["sharpness_A2"] = self.sharpness
        return figures
