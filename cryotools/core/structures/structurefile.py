"""Read atomic models from PDB or mmCIF, plain or compressed; the format is detected from the content.

Parsing is done by gemmi. Errors that it silently accepts are checked here: non-numeric coordinates, unknown elements,
duplicate atoms, unterminated models.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import gemmi
import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError, listing
from cryotools.core.files.bytestream import open_bytes, open_standard_input, read_upto
from cryotools.core.files.impostors import impostor, wide_text
from cryotools.core.memory import available_bytes
from cryotools.core.structures.assembly import Assembly, Part, build_assembly, pdb_assemblies
from cryotools.core.structures.formats.atomarrays import atom_arrays
from cryotools.core.structures.formats.ciftext import cif_atoms, looks_like_cif, parse_cif
from cryotools.core.structures.formats.pdbtext import normal_pdb
from cryotools.core.structures.structure import Structure

StructureLike = str | os.PathLike[str] | Structure
_IDENTITY = ("model", "chain", "residue_number", "insertion_code", "atom_name", "altloc")
_FARTHEST = 1e6  # Å; coordinates beyond it are errors
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
    ncs : apply the non-crystallographic symmetry operators whose copies are not in the file (PDB MTRIX records); not
        used when an assembly is built
    skip_unknown : omit atoms whose element cannot be determined; by default they are an error

    Raises
    ------
    DataError
        The file is not a structure, is corrupt, or lacks the requested model or assembly.
    """
    name = "standard input" if str(path) == "-" else str(path)
    parsed, assemblies = _parse(read_structure_text(path), name)
    parsed = _pick_model(parsed, model, name)
    structure, subchain = atom_arrays(parsed, name, skip_unknown)
    once = _listed_once(structure)
    if not once.all():
        structure, subchain = structure[once], subchain[once]
    _check(structure)
    if assembly is not None:
        return build_assembly(structure, subchain, _chosen(assemblies, assembly, name))
    return build_assembly(structure, subchain, _ncs_assembly(parsed)) if ncs and len(parsed.ncs) else structure


def as_structure(
    given: StructureLike,
    *,
    model: int | str = "first",
    assembly: str | None = None,
    ncs: bool = False,
    skip_unknown: bool = False,
) -> Structure:
    """The `given` structure: read from its file (`read_structure`), or the object itself.

    An object is used unchanged, with all its models; options that need the file must be given when reading it.

    Raises
    ------
    UsageError
        An object is given together with a model, an assembly or symmetry.
    DataError
        The file is not a structure, is corrupt, or lacks the requested model or assembly; or the object has no atoms.
    """
    if not isinstance(given, Structure):
        return read_structure(given, model=model, assembly=assembly, ncs=ncs, skip_unknown=skip_unknown)
    if model not in ("first", "all") or assembly is not None or ncs:
        raise UsageError("a structure in memory is taken as it is: give model and assembly to read_structure instead")
    if not len(given):
        raise DataError(f"{given.name or 'the structure'}: has no atoms")
    return given


def list_assemblies(path: str | os.PathLike[str]) -> list[str]:
    """Ids of the biological assemblies that a structure file describes."""
    _, assemblies = _parse(read_structure_text(path), str(path))
    return [assembly.name for assembly in assemblies]


def looks_like_structure(start: bytes) -> bool:
    """True if a file starting with these bytes is PDB or mmCIF text."""
    start = _plain_text(start)
    return impostor(start) is None and (looks_like_cif(start) or _is_pdb(start))


def read_structure_text(path: str | os.PathLike[str]) -> bytes:
    """The text of a structure file, or of standard input for `-`, decompressed, as UTF-8 without a byte-order mark.

    Raises
    ------
    DataError
        The file cannot be read, is empty, damaged, or does not fit in memory.
    """
    from_pipe = str(path) == "-"
    name = "standard input" if from_pipe else str(path)
    limit = available_bytes() // 4  # the text, its copies and the parsed atoms are in memory together
    with open_standard_input("a PDB or mmCIF file") if from_pipe else open_bytes(Path(path)) as stream:
        content = bytes(read_upto(stream, limit))
        if stream.read(1):
            raise DataError(f"{name}: unpacks to more than {limit / 2**30:.1f} GiB, more than the free memory")
    return _plain_text(content)


def _plain_text(content: bytes) -> bytes:
    codec = wide_text(content)
    if codec:
        content = content.decode(codec, "replace").encode()
    content = content.removeprefix(b"\xef\xbb\xbf")
    return content if b"\n" in content else content.replace(b"\r", b"\n")


def _parse(content: bytes, name: str) -> tuple[gemmi.Structure, list[Assembly]]:
    what = impostor(content[:4096])
    if what:
        raise DataError(f"{name}: looks like {what}")
    if not content.strip():
        raise DataError(f"{name}: is an empty file; copy or download it again")
    if b"\0" in content[:1024]:
        raise DataError(f"{name}: is a binary file, not PDB or mmCIF text (BinaryCIF is not read: convert it to mmCIF)")
    try:
        if looks_like_cif(content):
            document = parse_cif(content)
            del content  # a large file's text is not needed while its atoms are built
            return cif_atoms(document, name)
        if _is_pdb(content):
            content = normal_pdb(content, name)
            parsed = gemmi.read_pdb_string(content)
            return parsed, pdb_assemblies([line for line in parsed.raw_remarks if line.startswith("REMARK 350")])
    except (RuntimeError, ValueError, IndexError, UnicodeDecodeError) as error:
        said = re.sub(r"^[^:]*:(\d+):\d+\(\d+\): ", r"line \1: ", " ".join(str(error).split()))
        raise DataError(f"{name}: cannot be parsed: {said}") from error
    raise DataError(f"{name}: is neither PDB nor mmCIF text")


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


def _ncs_assembly(parsed: gemmi.Structure) -> Assembly:
    """The identity, and each operator whose copies are not in the file."""
    table = {"identity": np.eye(3, 4)}
    for operator in parsed.ncs:
        if not operator.given:
            table[operator.id] = np.column_stack([operator.tr.mat.tolist(), operator.tr.vec.tolist()])
    return Assembly("of non-crystallographic symmetry", (Part(None, ",".join(table), table, labels=False),))


def _chosen(assemblies: list[Assembly], wanted: str, name: str) -> Assembly:
    known = {assembly.name: assembly for assembly in assemblies}
    if wanted == "first" and known:
        return assemblies[0]
    if wanted not in known:
        asked = "biological assembly" if wanted == "first" else f"assembly {wanted}"
        there = f"it describes {listing(list(known))}" if known else "it describes none"
        raise DataError(f"{name}: has no {asked}; {there}")
    return known[wanted]


def _listed_once(structure: Structure) -> np.ndarray:
    """Mask (n,) excluding duplicates of an atom: same residue, same name, same position."""
    seen: set[tuple[object, ...]] = set()
    keep = np.ones(len(structure), dtype=bool)
    for at in _sharing_a_place(structure.xyz):
        key = (*structure.xyz[at], *(getattr(structure, field)[at] for field in _IDENTITY))
        keep[at] = key not in seen
        seen.add(key)
    if not keep.all():
        repeated = int((~keep).sum())
        warnings.warn(
            f"{structure.name}: {repeated} atoms are listed twice; the copies are ignored",
            CryotoolsWarning,
            stacklevel=3,
        )
    return keep


def _sharing_a_place(xyz: np.ndarray) -> np.ndarray:
    """Indices of the atoms that share coordinates (n, 3) with another atom, by hash (a collision is harmless)."""
    with np.errstate(over="ignore"):
        place = np.zeros(len(xyz), dtype=np.uint64)
        for bits in np.ascontiguousarray(xyz.T).view(np.uint64):
            place = (place ^ (place >> np.uint64(29))) * np.uint64(11400714819323198485) + bits
    in_order = np.sort(place)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    return np.flatnonzero(np.isin(place, twice)) if len(twice) else np.array([], dtype=int)


def _check(structure: Structure) -> None:
    name = structure.name
    bad = ~np.all(np.abs(structure.xyz) < _FARTHEST, axis=1)  # NaN compares false, so it counts as bad
    if bad.any():
        first = structure.atom_words(int(np.flatnonzero(bad)[0]))
        raise DataError(f"{name}: {first} has no usable coordinates; correct or remove the atom")
    below = structure.b_factor < 0
    if below.any():
        warnings.warn(
            f"{name}: {int(below.sum())} B factors are negative; 0 is used instead", CryotoolsWarning, stacklevel=3
        )
