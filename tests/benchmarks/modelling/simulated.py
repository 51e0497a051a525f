"""Maps to build models in, simulated with the noise of half maps: each structure at several resolutions, or many
structures beside one another for maps of any size.

    python tests/benchmarks/modelling/simulated.py OUT 1abc.pdb.gz 2xyz.pdb.gz … --at 2.5,3,3.5,4
    python tests/benchmarks/modelling/simulated.py OUT 1abc.pdb.gz 2xyz.pdb.gz … --at 3 --residues 500,1000,2000,5000

writes maps, the models in their frames and OUT/pairs.csv, a list for `make bench-model`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cryotools.core.files.output import write_text
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN, Structure, concatenate
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.write import cif_text
from cryotools.modelling.names import chain_name
from cryotools.simulate.atoms import AtomChoice
from cryotools.simulate.boxes import without_solvent
from cryotools.simulate.classical.formulas import MapOptions
from cryotools.simulate.struc2map import GridChoice, Simulation, struc2map

_BETWEEN = 4.0  # Å between structures side by side
_VOXEL = 1.0  # Å
_COLUMNS = ("id", "map", "model", "resolution", "family", "fold")


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("out", type=Path)
    options.add_argument("structures", nargs="+")
    options.add_argument("--at", default="2.5,3,3.5,4", metavar="ANGSTROM,…")
    options.add_argument("--method", default="gan")
    options.add_argument("--residues", metavar="N,…", help="put structures beside one another up to so many residues")
    chosen = options.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    models = {Path(one).name.split(".")[0]: _protein(one) for one in chosen.structures}
    if chosen.residues:
        models = {
            f"{count}-residues": packed(list(models.values()), int(count)) for count in chosen.residues.split(",")
        }
    rows = []
    for number, (name, structure) in enumerate(models.items()):
        model = chosen.out / f"{name}.cif"
        write_text(str(model), cif_text(structure))
        for resolution in map(float, chosen.at.split(",")):
            path = chosen.out / f"{name}@{resolution:g}.mrc"
            if not path.exists():
                _simulate(structure, resolution, chosen.method, number, path)
            rows.append(dict(zip(_COLUMNS, (path.stem, path.name, model.name, resolution, name, 0), strict=True)))
    with (chosen.out / "pairs.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def packed(structures: Sequence[Structure], residues: int) -> Structure:
    """Structures in turn, as many as have about `residues` residues, on a lattice as near to a cube as they fill; each
    chain has a name of its own.
    """
    chosen, count = [], 0
    for one in _forever(structures):
        more = len(find_residues(one))
        if chosen and count + more / 2 > residues:
            break
        chosen.append(one)
        count += more
    cell = np.max([np.ptp(one.xyz, axis=0) for one in chosen], axis=0) + _BETWEEN
    side = int(np.ceil(len(chosen) ** (1 / 3) - 1e-9))
    parts, chains = [], 0
    for place, one in zip(np.ndindex(side, side, side), chosen, strict=False):
        names, which = np.unique(one.chain, return_inverse=True)
        named = np.array([chain_name(chains + number) for number in range(len(names))])
        chains += len(names)
        moved = one.with_xyz(one.xyz - one.xyz.min(axis=0) + cell * place)
        parts.append(replace(moved, chain=named[which]))
    return concatenate(parts)


def _forever(structures: Sequence[Structure]) -> Iterator[Structure]:
    while True:
        yield from structures


def _protein(path: str) -> Structure:
    """The protein of a structure, with the highest of alternate locations."""
    structure = without_solvent(read_structure(path, skip_unknown=True))
    structure = structure[structure.kind == PROTEIN]
    return structure[structure.most_occupied()]


def _simulate(structure: Structure, resolution: float, method: str, seed: int, path: Path) -> None:
    simulation = Simulation(
        MapOptions(resolution, device="cpu"),
        method=method,
        atoms=AtomChoice(hydrogens=False),
        grid=GridChoice(apix=_VOXEL),
        half_maps=True,
        seed=seed,
    )
    write_map(path, struc2map(structure, simulation).volume, label="simulated for a benchmark")


if __name__ == "__main__":
    main()
