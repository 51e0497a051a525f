"""Measurement 4: CPU time of the shipped generator against a U-Net++ of struc2mapGAN's size, whole processes.

The U-Net++ has random weights, which cost what trained ones cost: 32³ patches of which 20³ are kept, as its authors run
it, over the same box.
"""

from __future__ import annotations

import os
import subprocess
import sys

PATCH, KEPT = 32, 20


def measure(structure: str, resolution: float) -> dict[str, tuple[float, float]]:
    """CPU seconds and peak memory in MB of each, one after the other, on `structure`."""
    ours = [sys.executable, "-m", "cryotools", "struc2map", structure, "/dev/null", "--method", "gan"]
    theirs = [sys.executable, __file__, structure]
    return {
        "struc2map --method gan": _cost([*ours, "--res", f"{resolution:g}", "--quiet"]),
        "U-Net++": _cost(theirs),
    }


def _cost(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak resident megabytes of a process, by the operating system's own account."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def run_unetpp(path: str) -> int:
    """Patches over the box of a structure's atoms; their number."""
    import numpy as np
    import torch

    from cryotools.core.structures.structure import WATER
    from cryotools.core.structures.structurefile import read_structure
    from cryotools.nn.unetpp import UNetPlusPlus, UNetPlusPlusConfig
    from cryotools.simulate.classical.formulas import MapOptions, molmap_density
    from cryotools.simulate.learned.predict import unit_grid

    structure = read_structure(path)
    structure = structure[structure.kind != WATER]
    grid = unit_grid(structure)
    density = molmap_density(structure, grid, MapOptions(2.0))
    network = UNetPlusPlus(UNetPlusPlusConfig(1, 1, width=32)).eval()
    margin = (PATCH - KEPT) // 2
    counts = [-(-n // KEPT) for n in grid.shape]
    padded = np.pad(density, [(margin, count * KEPT - n + margin) for count, n in zip(counts, grid.shape, strict=True)])
    made = np.zeros([count * KEPT for count in counts], dtype=np.float32)
    with torch.inference_mode():
        for at in np.ndindex(*counts):
            start = [KEPT * i for i in at]
            patch = padded[tuple(slice(s, s + PATCH) for s in start)]
            output = network(torch.from_numpy(np.ascontiguousarray(patch))[None, None])[0, 0].numpy()
            core = slice(margin, margin + KEPT)
            made[tuple(slice(s, s + KEPT) for s in start)] = output[core, core, core]
    return int(np.prod(counts))


if __name__ == "__main__":
    print(run_unetpp(sys.argv[1]))
