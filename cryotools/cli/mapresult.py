"""What struc2map, molmap and pdb2mrc do with the map they made: write it, draw it, say what it is."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from cryotools.cli.console import detail, note, print_json
from cryotools.core.mapfile import write_map
from cryotools.core.structure import KIND_NAMES, Structure
from cryotools.core.volume import Volume


@dataclass(frozen=True)
class MapResult:
    """A simulated map on its way to `output`: `atoms` made it, `label` says how, `mode` is the MRC mode."""

    output: str
    volume: Volume
    atoms: Structure
    label: str
    mode: int = 2

    def save(self, preview: str | None, as_json: bool) -> None:
        """Write the map and, where asked for, its picture; then say what it is, as JSON or as a summary."""
        numbers = write_map(self.output, self.volume, label=self.label, mode=self.mode)
        if preview:
            from cryotools.core.picture import draw_maps

            draw_maps(preview, {self.output: self.volume}, self.atoms)
        self._report(self.figures(numbers), as_json)

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
        detail(f"header label: {self.label}")
        detail(f"{time.process_time():.2f} CPU seconds with {os.environ['OMP_NUM_THREADS']} threads")

    def figures(self, numbers: tuple[float, float, float, float]) -> dict[str, Any]:
        """The map and its atoms in numbers; `numbers` are minimum, maximum, mean and standard deviation."""
        low, high, mean, deviation = numbers
        kinds = {name: int((self.atoms.kind == number).sum()) for number, name in enumerate(KIND_NAMES)}
        return {
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
