"""Structures of any size for the benchmarks: one small entry repeated on a lattice, as a crystal repeats it."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np

EXAMPLE = Path(__file__).parents[2] / "examples" / "1gbt.cif"


def write_copies(path: Path, n_atoms: int) -> int:
    """Write an mmCIF file with about `n_atoms` atoms (PDB text below 99,999 would do, mmCIF always does)."""
    unit = gemmi.read_structure(str(EXAMPLE))
    unit.remove_waters()
    unit.remove_empty_chains()
    atoms = unit[0].count_atom_sites()
    box = unit[0].calculate_pos_bounds() if hasattr(unit[0], "calculate_pos_bounds") else None
    size = np.array((box.maximum - box.minimum).tolist()) + 2.0 if box else np.array([44.0, 44.0, 44.0])
    structure, model = gemmi.Structure(), gemmi.Model(1)
    if n_atoms < atoms:
        chain = gemmi.Chain("A")
        for residue in list(unit[0][0]):
            if sum(len(r) for r in chain) >= n_atoms:
                break
            chain.add_residue(residue)
        model.add_chain(chain)
    else:
        side = int(np.ceil((n_atoms / atoms) ** (1 / 3)))
        places = [(i, j, k) for i in range(side) for j in range(side) for k in range(side)]
        for number, place in enumerate(places[: max(1, round(n_atoms / atoms))]):
            for source in unit[0]:
                chain = source.clone()
                chain.name = f"{source.name}{number}"
                chain.transform(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(*(size * place)))) if hasattr(
                    chain, "transform"
                ) else _shift(chain, size * place)
                model.add_chain(chain)
    structure.add_model(model)
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(path), gemmi.cif.Style.Pdbx)
    return model.count_atom_sites()


def _shift(chain: gemmi.Chain, by: np.ndarray) -> None:
    for residue in chain:
        for atom in residue:
            atom.pos += gemmi.Position(*by)
