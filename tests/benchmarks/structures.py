"""Structures of any size for the benchmarks: one small entry repeated on a lattice, as a crystal repeats it."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np

EXAMPLE = Path(__file__).parents[2] / "examples" / "1gbt.cif"
_CELL = np.array([48.0, 50.0, 43.0])  # Å; just beyond the molecule, so that copies touch


def write_copies(path: Path, n_atoms: int) -> int:
    """Write an mmCIF file of about `n_atoms` atoms and return their exact number."""
    unit = gemmi.read_structure(str(EXAMPLE))
    unit.remove_waters()
    unit.remove_empty_chains()
    size = unit[0].count_atom_sites()
    model = _part(unit[0], n_atoms) if n_atoms < size else _lattice(unit[0], round(n_atoms / size))
    structure = gemmi.Structure()
    structure.add_model(model)
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(path), gemmi.cif.Style.Pdbx)
    return model.count_atom_sites()


def _part(source: gemmi.Model, n_atoms: int) -> gemmi.Model:
    """The first residues of the first chain, up to `n_atoms` atoms."""
    chain, model, count = gemmi.Chain("A"), gemmi.Model(1), 0
    for residue in source[0]:
        if count >= n_atoms:
            break
        chain.add_residue(residue)
        count += len(residue)
    model.add_chain(chain)
    return model


def _lattice(source: gemmi.Model, copies: int) -> gemmi.Model:
    """`copies` of the whole model on a lattice as close to a cube as they fill."""
    side = int(np.ceil(copies ** (1 / 3) - 1e-9))
    model = gemmi.Model(1)
    for number, place in enumerate(list(np.ndindex(side, side, side))[:copies]):
        for original in source:
            chain = original.clone()
            chain.name = f"{original.name}{number}"
            for residue in chain:
                for atom in residue:
                    atom.pos += gemmi.Position(*(_CELL * place))
            model.add_chain(chain)
    return model
