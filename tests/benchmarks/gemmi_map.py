"""A whole program that makes a map with gemmi: `gemmi_map.py STRUCTURE OUTPUT RES APIX`.

gemmi's electron scattering factors, blurred to the same resolution, on the grid that `cryotools struc2map` lays.
"""

from __future__ import annotations

import sys

import gemmi
import numpy as np


def main(path: str, output: str, resolution: float, apix: float) -> None:
    structure = gemmi.read_structure(path)
    positions = gemmi.FlatStructure(structure).pos
    first = np.floor((positions.min(axis=0) - 3 * resolution) / apix)
    counts = np.ceil((positions.max(axis=0) + 3 * resolution) / apix) - first + 1
    for chain in structure[0]:
        for residue in chain:
            for atom in residue:
                atom.pos -= gemmi.Position(*(first * apix))
    calculator = gemmi.DensityCalculatorE()
    calculator.d_min = resolution
    calculator.blur = 4 * resolution**2  # B = 8 pi² sigma² with sigma = resolution / (pi sqrt(2))
    calculator.grid.set_unit_cell(gemmi.UnitCell(*(counts * apix), 90, 90, 90))
    calculator.grid.spacegroup = gemmi.SpaceGroup("P1")
    calculator.grid.set_size(*(int(n) for n in counts))
    calculator.add_model_density_to_grid(structure[0])
    result = gemmi.Ccp4Map()
    result.grid = calculator.grid
    result.update_ccp4_header()
    result.write_ccp4_map(output)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
