"""Convert gemmi's structure to arrays, one entry per atom."""

from __future__ import annotations

import warnings
from dataclasses import replace

import gemmi
import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.structures.chemistry.elements import decide_elements
from cryotools.core.structures.chemistry.kinds import residue_kinds
from cryotools.core.structures.chemistry.residueclass import sort_residues
from cryotools.core.structures.formats.pdbelements import marked_columns
from cryotools.core.structures.structure import Structure

_UNNUMBERED = np.iinfo(np.int32).min  # gemmi's value for a residue without a number
_LONGEST = 7  # bytes of a name in gemmi.FlatStructure


def atom_arrays(parsed: gemmi.Structure, name: str, skip_unknown: bool) -> tuple[Structure, np.ndarray]:
    """The atoms of a parsed file, and the mmCIF subchain label (n,) of each.

    Raises
    ------
    DataError
        There are no atoms, or none with a known element; or, without `skip_unknown`, one has an unknown element.
    """
    flat, full = _flattened(parsed)
    if len(flat.pos) == 0:
        raise DataError(f"{name}: has no atoms")
    residue_name, atom_name, chain, subchain = (
        _spelt_out(_strings(np.asarray(names)), full)
        for names in (flat.residue_names, flat.atom_names, flat.chain_ids, flat.subchains)
    )
    hetero = flat.het_flags == ord("H")
    residues = sort_residues(np.asarray(flat.residue_names), np.asarray(flat.atom_names), hetero, full)
    column = marked_columns(
        flat.serials if parsed.input_format == gemmi.CoorFormat.Pdb else np.zeros_like(flat.serials)
    )
    element, left_out = decide_elements(flat.elements, column, residues, name, skip_unknown)
    if left_out.all():
        raise DataError(f"{name}: has no atom of a known element")
    structure = Structure(
        xyz=np.array(flat.pos, dtype=np.float64),
        element=element,
        atom_name=atom_name,
        residue_name=residue_name,
        chain=chain,
        residue_number=_residue_numbers(flat),
        insertion_code=_letters(flat.icodes),
        altloc=_letters(flat.altlocs),
        occupancy=np.array(flat.occ, dtype=np.float32),
        b_factor=_b_factors(flat, name),
        hetero=hetero,
        kind=np.zeros(len(element), dtype=np.uint8),
        model=np.array(flat.model_num, dtype=np.int32),
        name=name,
    )
    structure = replace(structure, kind=residue_kinds(structure, residues))
    return (structure[~left_out], subchain[~left_out]) if left_out.any() else (structure, subchain)


def _strings(characters: np.ndarray) -> np.ndarray:
    """(n, 8) characters as n strings."""
    codes = np.ascontiguousarray(characters).view(np.uint8).astype(np.uint32)  # numpy's str layout
    return codes.view(f"U{characters.shape[1]}").ravel()


def _residue_numbers(flat: gemmi.FlatStructure) -> np.ndarray:
    number = np.array(flat.resnums, dtype=np.int32)
    number[number == _UNNUMBERED] = 0
    return number


def _letters(codes: np.ndarray) -> np.ndarray:
    """(n,) character codes as n one-letter strings, '' for a blank or zero."""
    codes = np.ascontiguousarray(codes).view(np.uint8)
    return np.where(codes == ord(" "), 0, codes).astype(np.uint32).view("U1")


def _b_factors(flat: gemmi.FlatStructure, name: str) -> np.ndarray:
    b_factor = np.array(flat.b_iso, dtype=np.float32)
    bad = ~np.isfinite(b_factor)
    if bad.any():
        warnings.warn(
            f"{name}: {int(bad.sum())} B factors are not numbers; 0 is used instead", CryotoolsWarning, stacklevel=5
        )
        b_factor[bad] = 0
    return b_factor


def _flattened(parsed: gemmi.Structure) -> tuple[gemmi.FlatStructure, dict[str, str]]:
    """The flat arrays of gemmi, and the full name for each placeholder of a name too long for them."""
    try:
        return gemmi.FlatStructure(parsed), {}
    except RuntimeError:  # a name is too long: rare, so names are checked only now
        short: dict[str, str] = {}
    for model in parsed:
        for chain in model:
            chain.name = _fitting(chain.name, short)
            for residue in chain:
                residue.name, residue.entity_id = _fitting(residue.name, short), ""
                residue.subchain = _fitting(residue.subchain, short)
                for atom in residue:
                    atom.name = _fitting(atom.name, short)
    return gemmi.FlatStructure(parsed), {fitting: name for name, fitting in short.items()}


def _fitting(name: str, short: dict[str, str]) -> str:
    """`name`, or its placeholder in `short` if it is too long."""
    return name if len(name.encode()) <= _LONGEST else short.setdefault(name, f"\x01{len(short)}")


def _spelt_out(names: np.ndarray, full: dict[str, str]) -> np.ndarray:
    if not full:
        return names
    distinct, at = np.unique(names, return_inverse=True)
    return np.array([full.get(str(name), str(name)) for name in distinct])[at]
