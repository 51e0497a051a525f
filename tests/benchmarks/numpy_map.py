"""A whole program in plain numpy, one separable Gaussian an atom: `numpy_map.py STRUCTURE OUTPUT RES APIX`."""

from __future__ import annotations

import sys

import gemmi
import mrcfile
import numpy as np


def main(path: str, output: str, resolution: float, apix: float) -> None:
    atoms = gemmi.FlatStructure(gemmi.read_structure(path))
    first = np.floor((atoms.pos.min(axis=0) - 3 * resolution) / apix)
    counts = (np.ceil((atoms.pos.max(axis=0) + 3 * resolution) / apix) - first + 1).astype(int)
    sigma = resolution / (np.pi * np.sqrt(2)) / apix
    reach = 5 * sigma
    density = np.zeros(counts[::-1], dtype=np.float32)
    for centre, weight in zip(atoms.pos / apix - first, atoms.elements, strict=True):
        low, high = np.ceil(centre - reach).astype(int), np.floor(centre + reach).astype(int) + 1
        x, y, z = (
            np.exp(-((np.arange(a, b) - c) ** 2) / (2 * sigma**2)) for a, b, c in zip(low, high, centre, strict=True)
        )
        block = weight * z[:, None, None] * y[None, :, None] * x[None, None, :]
        density[low[2] : high[2], low[1] : high[1], low[0] : high[0]] += block
    density *= (2 * np.pi) ** -1.5 / (sigma * apix) ** 3
    mrcfile.write(output, density, voxel_size=apix, overwrite=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
