"""Read atomic models from PDB or mmCIF, plain or compressed, told apart by content.

gemmi parses. What it accepts without a word is checked here: coordinates that are not numbers, elements it cannot
name, duplicate atoms, occupancies below zero, models that are never closed.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np

from cryotools.core.assembly import Assembly, build_assembly, check_rotation, mmcif_assemblies, pdb_assemblies
from cryotools.core.bytestream import impostor, open_bytes, read_upto
from cryotools.core.elements import decide_elements
from cryotools.core.errors import CryotoolsWarning, DataError, listing
from cryotools.core.kinds import residue_kinds
from cryotools.core.memory import available_bytes
from cryotools.core.pdbelements import mark_blank_elements
from cryotools.core.pdbqt import is_pdbqt, pdbqt_elements
from cryotools.core.pdbtext import check_pdb_text, close_models, find_atom_lines
from cryotools.core.residueclass import sort_residues
from cryotools.core.structure import Structure

_IDENTITY = ("model", "chain", "residue_number", "insertion_code", "atom_name", "altloc")
_FARTHEST = 1e6  # Å; beyond it a coordinate is a mistake
_PDB_RECORDS = tuple(
    b"ATOM HETATM HEADER REMARK CRYST1 MODEL TITLE COMPND SEQRES HELIX SHEET ORIGX SCALE MTRIX CAVEAT SOURCE KEYWDS "
    b"EXPDTA AUTHOR DBREF LINK SSBOND OBSLTE SPLIT NUMMDL TER END USER ANISOU SEQADV MODRES HET CISPEP SITE CONECT "
    b"MASTER JRNL REVDAT SPRSDE PARENT".split()
)


def read_structure(
    path: str | os.PathLike[str],
    *,
    model: int | str = "first",
    assembly: str | None = None,
    ncs: bool = False,
    skip_unknown: bool = False,
) -> Structure:
    """Read one structure; `-` reads standard input.

    Parameters
    ----------
    model : number of the model to keep, "first" or "all"
    assembly : id of the biological assembly to build (mmCIF assemblies, PDB REMARK 350), or "first"
    ncs : apply the file's non-crystallographic symmetry that is not given explicitly (PDB MTRIX records)
    skip_unknown : leave out atoms whose element cannot be told; without it they are an error

    Raises
    ------
    DataError
        The file is not a structure, is broken, or lacks the model or assembly asked for.
    """
    name = "standard input" if str(path) == "-" else str(path)
    parsed, assemblies = _parse(_content(path), name)
    parsed = _pick_model(parsed, model, name)
    if ncs:
        _expand_ncs(parsed, name)
    structure, subchain = _to_arrays(parsed, name, skip_unknown)
    once = _listed_once(structure)
    structure, subchain = structure[once], subchain[once]
    _check(structure)
    return structure if assembly is None else build_assembly(structure, subchain, _chosen(assemblies, assembly, name))


def list_assemblies(path: str | os.PathLike[str]) -> list[str]:
    """Ids of the biological assemblies that a structure file describes."""
    _, assemblies = _parse(_content(path), str(path))
    return [assembly.name for assembly in assemblies]


def looks_like_structure(start: bytes) -> bool:
    """True when a file that begins with these bytes is PDB or mmCIF text."""
    return _is_cif(start) or _is_pdb(start)


def _content(path: str | os.PathLike[str]) -> bytes:
    if str(path) == "-":
        content = sys.stdin.buffer.read() if sys.stdin else b""  # None where it was closed
        if not content:
            raise DataError("standard input: is empty; pipe a PDB or mmCIF file into it")
    else:
        with open_bytes(Path(path)) as stream:
            limit = available_bytes() // 4  # text, its copies and the parsed atoms live side by side
            content = bytes(read_upto(stream, limit))
            if stream.read(1):
                raise DataError(f"{path}: unpacks to more than {limit / 2**30:.1f} GiB, too much for the free memory")
    content = content.removeprefix(b"\xef\xbb\xbf")
    return content if b"\n" in content else content.replace(b"\r", b"\n")


def _parse(content: bytes, name: str) -> tuple[gemmi.Structure, list[Assembly]]:
    what = impostor(content[:200])
    if what:
        raise DataError(f"{name}: looks like {what}")
    if not content.strip():
        raise DataError(f"{name}: is an empty file; copy or download it again")
    if b"\0" in content[:1024]:
        raise DataError(f"{name}: is a binary file, not PDB or mmCIF text (BinaryCIF is not read: convert it to mmCIF)")
    try:
        if _is_cif(content):
            document = gemmi.cif.read_string(content)
            del content  # a large file's text need not stay while its atoms are built
            block = _block_with_atoms(document, name)
            return gemmi.make_structure_from_block(block), mmcif_assemblies(block)
        if _is_pdb(content):
            atoms = find_atom_lines(content, name)
            content = check_pdb_text(content, atoms, name)
            if is_pdbqt(content, atoms):
                content = pdbqt_elements(content, atoms)
            content = mark_blank_elements(content, atoms)
            parsed = gemmi.read_pdb_string(close_models(content, name))
            return parsed, pdb_assemblies([line for line in parsed.raw_remarks if line.startswith("REMARK 350")])
    except (RuntimeError, ValueError, IndexError, UnicodeDecodeError) as error:
        said = re.sub(r"^[^:]*:(\d+):\d+\(\d+\): ", r"line \1: ", " ".join(str(error).split()))
        raise DataError(f"{name}: cannot be parsed: {said}") from error
    raise DataError(f"{name}: is neither PDB nor mmCIF text")


def _block_with_atoms(document: gemmi.cif.Document, name: str) -> gemmi.cif.Block:
    with_atoms = [block for block in document if len(block.find_values("_atom_site.Cartn_x"))]
    if not with_atoms:
        raise DataError(f"{name}: has no atoms (no _atom_site with coordinates)")
    if len(with_atoms) > 1:
        warnings.warn(
            f"{name}: {len(with_atoms)} data blocks hold atoms; the first is used", CryotoolsWarning, stacklevel=4
        )
    return with_atoms[0]


def _is_cif(content: bytes) -> bool:
    for line in content[:20000].splitlines():
        text = line.strip()
        if text and not text.startswith(b"#"):
            return text[:5].lower() == b"data_"
    return False


def _is_pdb(content: bytes) -> bool:
    lines = content[:20000].upper().splitlines()
    return any(line.startswith(_PDB_RECORDS) for line in lines if line.strip())


def _pick_model(parsed: gemmi.Structure, model: int | str, name: str) -> gemmi.Structure:
    numbers = [m.num for m in parsed]
    if not numbers:
        raise DataError(f"{name}: has no atoms")
    if model == "all":
        return parsed
    if model == "first":
        keep = 0
        if len(numbers) > 1:
            warnings.warn(
                f"{name}: has {len(numbers)} models; model {numbers[0]} is used",
                CryotoolsWarning,
                stacklevel=3,
            )
    elif int(model) in numbers:
        keep = numbers.index(int(model))
    else:
        raise DataError(f"{name}: has no model {model}; it has {listing(numbers)}")
    for at in reversed([i for i in range(len(numbers)) if i != keep]):
        del parsed[at]
    return parsed


def _expand_ncs(parsed: gemmi.Structure, name: str) -> None:
    for operator in parsed.ncs:
        matrix = np.column_stack([operator.tr.mat.tolist(), operator.tr.vec.tolist()])
        check_rotation(matrix, f"{name}: non-crystallographic operator {operator.id}")
    parsed.expand_ncs(gemmi.HowToNameCopiedChain.Dup)


def _chosen(assemblies: list[Assembly], wanted: str, name: str) -> Assembly:
    known = {assembly.name: assembly for assembly in assemblies}
    if wanted == "first" and known:
        return assemblies[0]
    if wanted not in known:
        asked = "biological assembly" if wanted == "first" else f"assembly {wanted}"
        there = f"it describes {listing(list(known))}" if known else "it describes none"
        raise DataError(f"{name}: has no {asked}; {there}")
    return known[wanted]


def _to_arrays(parsed: gemmi.Structure, name: str, skip_unknown: bool) -> tuple[Structure, np.ndarray]:
    """The atoms, and the label (n,) of the mmCIF subchain that each belongs to."""
    try:
        flat = gemmi.FlatStructure(parsed)
    except RuntimeError as error:
        raise DataError(f"{name}: a name is longer than 7 letters ({str(error).split()[-1]}); shorten it") from error
    if len(flat.pos) == 0:
        raise DataError(f"{name}: has no atoms")
    residue_name = _strings(flat.residue_names)
    atom_name = _strings(flat.atom_names)
    hetero = flat.het_flags == ord("H")
    residues = sort_residues(flat.residue_names, flat.atom_names, hetero)
    element, left_out = decide_elements(np.array(flat.elements), np.array(flat.charge), residues, name, skip_unknown)
    if left_out.all():
        raise DataError(f"{name}: has no atom of a known element")
    structure = Structure(
        xyz=np.array(flat.pos, dtype=np.float64),
        element=element,
        atom_name=atom_name,
        residue_name=residue_name,
        chain=_strings(flat.chain_ids),
        residue_number=np.array(flat.resnums, dtype=np.int32),
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
    subchain = _strings(flat.subchains)
    return (structure[~left_out], subchain[~left_out]) if left_out.any() else (structure, subchain)


def _strings(characters: np.ndarray) -> np.ndarray:
    """(n, 8) characters as n strings."""
    codes = np.ascontiguousarray(characters).view(np.uint8).astype(np.uint32)  # how numpy keeps str
    return codes.view(f"U{characters.shape[1]}").ravel()


def _letters(codes: np.ndarray) -> np.ndarray:
    """(n,) character codes as n strings of one letter, '' for a blank or a zero."""
    codes = np.ascontiguousarray(codes).view(np.uint8)
    return np.where(codes == ord(" "), 0, codes).astype(np.uint32).view("U1")


def _b_factors(flat: gemmi.FlatStructure, name: str) -> np.ndarray:
    b_factor = np.array(flat.b_iso, dtype=np.float32)
    bad = ~np.isfinite(b_factor)
    if bad.any():
        warnings.warn(
            f"{name}: {int(bad.sum())} B factors are not numbers and count as 0", CryotoolsWarning, stacklevel=5
        )
        b_factor[bad] = 0
    return b_factor


def _listed_once(structure: Structure) -> np.ndarray:
    """Mask (n,) without the repetitions of an atom that is listed twice: same residue, same name, same place."""
    seen: set[tuple[object, ...]] = set()
    keep = np.ones(len(structure), dtype=bool)
    for at in _sharing_a_place(structure.xyz):
        key = (*structure.xyz[at], *(getattr(structure, field)[at] for field in _IDENTITY))
        keep[at] = key not in seen
        seen.add(key)
    if not keep.all():
        repeated = int((~keep).sum())
        warnings.warn(f"{structure.name}: {repeated} atoms are listed twice; kept once", CryotoolsWarning, stacklevel=3)
    return keep


def _sharing_a_place(xyz: np.ndarray) -> np.ndarray:
    """Indices of the atoms whose coordinates (n, 3) another atom has too, by hashes (a chance match does no harm)."""
    with np.errstate(over="ignore"):
        place = np.zeros(len(xyz), dtype=np.uint64)
        for bits in np.ascontiguousarray(xyz.T).view(np.uint64):
            place = (place ^ (place >> np.uint64(29))) * np.uint64(11400714819323198485) + bits
    in_order = np.sort(place)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    return np.flatnonzero(np.isin(place, twice)) if len(twice) else np.array([], dtype=int)


def _check(structure: Structure) -> None:
    name = structure.name
    bad = ~np.all(np.abs(structure.xyz) < _FARTHEST, axis=1)  # NaN compares false, so it is bad as well
    if bad.any():
        raise DataError(f"{name}: {_first(structure, bad)} has no usable coordinates; mend or remove the atom")
    negative = ~(structure.occupancy >= 0)
    if negative.any():
        raise DataError(f"{name}: {_first(structure, negative)} has no occupancy or one below 0; mend it")
    below = structure.b_factor < 0
    if below.any():
        warnings.warn(
            f"{name}: {int(below.sum())} B factors are below 0 and count as 0", CryotoolsWarning, stacklevel=3
        )


def _first(structure: Structure, which: np.ndarray) -> str:
    at = int(np.flatnonzero(which)[0])
    residue = f"{structure.residue_name[at]} {structure.chain[at]}{structure.residue_number[at]}"
    return f"atom {structure.atom_name[at]} of {residue}"
