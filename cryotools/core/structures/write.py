"""Write atoms as PDB text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import gemmi
import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.structures.structure import Structure

_LOWEST, _HIGHEST = -999.9995, 9999.9995  # Å; what eight columns hold with three decimals
_LAST_SERIAL = 99999  # of CONECT records that every reader understands
_REMARK_WIDTH = 68


def pdb_text(structure: Structure, remarks: Iterable[str] = (), bonds: Sequence[tuple[int, int]] = ()) -> str:
    """All atoms as PDB text of one model, the residues of a chain one after another.

    Serials and residue numbers that do not fit their columns are hybrid-36, which ChimeraX, Coot and gemmi read.

    Parameters
    ----------
    remarks : sentences for REMARK 3; long ones are broken
    bonds : pairs of atoms, as numbers in `structure`, for CONECT; left out beyond 99,999 atoms

    Raises
    ------
    DataError
        A position or a chain's name does not fit its columns.
    """
    if len(structure) and not (structure.xyz.min() > _LOWEST and structure.xyz.max() < _HIGHEST):
        raise DataError(
            f"{structure.name}: coordinates below -999 or above 9999 A do not fit into a PDB file; move the map"
        )
    if max((len(chain) for chain in structure.chain), default=0) > 2:
        raise DataError(f"{structure.name}: chain IDs longer than two letters do not fit into a PDB file")
    model = gemmi.Model(1)
    residue = structure.residue_index() if len(structure) else np.zeros(0, dtype=int)
    chain, last = None, -1
    for at in range(len(structure)):
        if chain is None or structure.chain[at] != chain.name:
            chain = model.add_chain(gemmi.Chain(str(structure.chain[at])))
        if residue[at] != last:
            last = residue[at]
            chain.add_residue(_residue(structure, at))
        chain[-1].add_atom(_atom(structure, at))
    whole = gemmi.Structure()
    whole.add_model(model)
    options = gemmi.PdbWriteOptions(minimal=True, preserve_serial=True, ter_records=False, cryst1_record=False)
    atoms = whole.make_pdb_string(options).removesuffix("END\n").rstrip()
    parts = [*_remark_lines(remarks), atoms, *_conect_lines(bonds, len(structure)), "END"]
    return "\n".join(part for part in parts if part) + "\n"


def _residue(structure: Structure, at: int) -> gemmi.Residue:
    residue = gemmi.Residue()
    residue.name = str(structure.residue_name[at])
    residue.seqid = gemmi.SeqId(int(structure.residue_number[at]), str(structure.insertion_code[at]) or " ")
    residue.het_flag = "H" if structure.hetero[at] else "A"
    return residue


def _atom(structure: Structure, at: int) -> gemmi.Atom:
    atom = gemmi.Atom()
    atom.name = str(structure.atom_name[at])
    atom.element = gemmi.Element(int(structure.element[at]))
    atom.pos = gemmi.Position(*structure.xyz[at].tolist())
    atom.occ, atom.b_iso = float(structure.occupancy[at]), float(structure.b_factor[at])
    atom.altloc = str(structure.altloc[at]) or "\0"
    atom.serial = at + 1
    return atom


def _remark_lines(remarks: Iterable[str]) -> list[str]:
    plain = (sentence.encode("ascii", "replace").decode() for sentence in remarks)
    return [f"REMARK   3 {line}" for sentence in plain for line in textwrap.wrap(sentence, _REMARK_WIDTH)]


def _conect_lines(bonds: Sequence[tuple[int, int]], count: int) -> list[str]:
    if count > _LAST_SERIAL:
        return []
    partners: dict[int, list[int]] = {}
    for a, b in bonds:
        partners.setdefault(a + 1, []).append(b + 1)
        partners.setdefault(b + 1, []).append(a + 1)
    return [
        f"CONECT{serial:5d}" + "".join(f"{other:5d}" for other in others[at : at + 4])
        for serial, others in sorted(partners.items())
        for at in range(0, len(others), 4)
    ]
