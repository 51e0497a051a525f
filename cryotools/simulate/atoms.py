"""Which atoms of a file become density."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsNote, DataError
from cryotools.core.structures.selection import chosen
from cryotools.core.structures.structure import WATER, Structure
from cryotools.core.structures.structurefile import StructureLike, as_structure


@dataclass(frozen=True)
class AtomChoice:
    """Which atoms count.

    `model` is a number, "first" or "all"; `chains` a tuple of ids or None for all; `selection` a text for
    `core.structures.selection` or None; `altloc` is "all", "highest" (the most occupied of each atom) or a letter.
    Copies that `assembly` makes keep their original's chain id, so that chains and selections take them along.
    """

    model: str = "first"
    assembly: str | None = None
    chains: tuple[str, ...] | None = None
    selection: str | None = None
    hydrogens: bool = True
    waters: bool = False
    altloc: str = "all"
    skip_unknown: bool = False


def choose_atoms(source: StructureLike, choice: AtomChoice) -> Structure:
    """The atoms of `source`, a file or a structure in memory, that `choice` asks for.

    Raises
    ------
    UsageError
        The choice makes no sense.
    DataError
        The file is broken, nothing is left, or a chain asked for does not exist.
    """
    model = choice.model if choice.model in ("first", "all") else _model_number(choice.model)
    structure = as_structure(source, model=model, assembly=choice.assembly, skip_unknown=choice.skip_unknown)
    keep = _altloc_mask(structure, choice.altloc) & chosen(structure, choice.chains, choice.selection)
    if not choice.hydrogens:
        keep &= structure.element != 1
    waters = int((keep & (structure.kind == WATER)).sum())
    if not choice.waters:
        keep &= structure.kind != WATER
    if not keep.any():
        hint = "include waters with `waters=True`" if waters and not choice.waters else "widen the selection"
        raise DataError(f"{structure.name}: none of its {len(structure)} atoms is selected; {hint}")
    if waters and not choice.waters:
        warnings.warn(
            f"{structure.name}: {waters} water atoms are left out; include them with `waters=True`",
            CryotoolsNote,
            stacklevel=3,
        )
    return structure if keep.all() else structure[keep]


def _model_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentError("model", text, "give a number, first or all") from None


def _altloc_mask(structure: Structure, altloc: str) -> np.ndarray:
    if altloc not in ("all", "highest") and len(altloc) != 1:
        raise ArgumentError("altloc", altloc, "give all, highest or a letter")
    plain = structure.altloc == ""
    if altloc == "all" or plain.all():
        return np.ones(len(structure), dtype=bool)
    if altloc != "highest":
        return plain | (structure.altloc == altloc)
    # per residue and atom name the most occupied location, the first listed where they tie
    order = np.argsort(-structure.occupancy, kind="stable")
    keys = np.rec.fromarrays([structure.residue_index()[order], structure.atom_name[order]])
    _, first = np.unique(keys, return_index=True)
    mask = plain.copy()
    mask[order[first]] = True
    return mask
