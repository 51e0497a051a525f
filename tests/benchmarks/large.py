"""CPU seconds and memory of whole commands on a structure as large as a ribosome: `large.py FOLDER COMMAND...`.

`structure` writes FOLDER/large.cif: 305,375 atoms, copies of 1GBT packed in an ellipsoid, in a box of 400 x 291 x 288
voxels of 1 Å with margins of 12 Å. `molmap`, `gemmi`, `gan`, `vae-gan` and `sse` (after gan) measure, each RUNS times.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import gemmi
import numpy as np
from bench_struc2map import HERE, measure_each, program
from structures import EXAMPLE

_ATOMS = 305_375
_EXTENT = np.array([374.0, 265.0, 262.0])  # Å
_SPACING = 35.2  # Å


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("what", nargs="+", choices=["structure", "molmap", "gemmi", "gan", "vae-gan", "sse"])
    options.add_argument("--runs", type=int, default=1)
    chosen = options.parse_args()
    structure, made = str(chosen.folder / "large.cif"), str(chosen.folder / "gan.mrc")
    common = ["--apix", "1", "--threads", "1", "--quiet"]
    vae, molmap = str(chosen.folder / "vae.mrc"), str(chosen.folder / "molmap.mrc")
    commands = {
        "molmap": [*program(), "struc2map", structure, molmap, "--method", "molmap", "--res", "4", *common],
        "gemmi": [sys.executable, str(HERE / "gemmi_map.py"), structure, str(chosen.folder / "gemmi.mrc"), "4", "1"],
        "gan": [*program(), "struc2map", structure, made, "--res", "3", *common],
        "vae-gan": [*program(), "struc2map", structure, vae, "--method", "vae-gan", "--res", "3", *common],
        "sse": [*program(), "annotate-sse", made, str(chosen.folder / "sse"), "--res", "3", *common[2:]],
    }
    for what in chosen.what:
        if what == "structure":
            print(f"{write_large(Path(structure))} atoms")
            continue
        taken = measure_each(commands[what], chosen.runs)
        user, system, size = (min(column) for column in zip(*taken, strict=True))
        print(
            f"{what}: user {user:.2f} + system {system:.2f} = {user + system:.2f} CPU s, {size / 1024:.0f} MB",
            flush=True,
        )


def write_large(path: Path) -> int:
    """Write the structure and return its number of atoms."""
    unit = gemmi.read_structure(str(EXAMPLE))
    unit.remove_waters()
    unit.remove_empty_chains()
    xyz = np.array([atom.pos.tolist() for chain in unit[0] for residue in chain for atom in residue])
    size = np.ptp(xyz, axis=0)
    model, count = gemmi.Model(1), 0
    for number, place in enumerate(_places((_EXTENT - size) / 2, -(-_ATOMS // len(xyz)))):
        for original in unit[0]:
            chain = gemmi.Chain(f"{original.name}{number}")
            for residue in original.clone():
                if count + len(residue) <= _ATOMS:
                    for atom in residue:
                        atom.pos += gemmi.Position(*place)
                    chain.add_residue(residue)
                    count += len(residue)
            if len(chain):
                model.add_chain(chain)
    structure = gemmi.Structure()
    structure.add_model(model)
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(path), gemmi.cif.Style.Pdbx)
    return count


def _places(half: np.ndarray, copies: int) -> np.ndarray:
    """Shifts (copies, 3) in Å: the innermost points of a lattice in an ellipsoid with half axes `half`."""
    counts = np.ceil(half / _SPACING).astype(int)
    axes = [np.arange(-n, n + 1) * _SPACING for n in counts]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    inner = np.argsort(((points / half) ** 2).sum(axis=1), kind="stable")[:copies]
    return points[inner] * (2 * half / np.ptp(points[inner], axis=0))


if __name__ == "__main__":
    main()
