"""Read the atoms of mmCIF text; only the data needed for a density are required.

Errors in tables without atoms never prevent reading: these are removed before gemmi builds its structure. Columns of
`_atom_site` that are missing or rejected by gemmi are filled in unless they are essential.
"""

from __future__ import annotations

import re
import warnings
from itertools import count

import gemmi

from cryotools.core.errors import CryotoolsWarning, DataError, listing
from cryotools.core.structures.assembly import Assembly, mmcif_assemblies

_START = re.compile(rb"\s*(?:#[^\r\n]*\s+)*(data_|loop_\s|_\w+\.\S)", re.IGNORECASE)
_BLOCK = re.compile(rb"^data_\S*", re.IGNORECASE | re.MULTILINE)
_KEPT = ("_atom_site.", "_chem_comp.", "_struct_ncs_oper.")  # chem_comp has the full names of abbreviated residues
_COORDINATES = ("Cartn_x", "Cartn_y", "Cartn_z")
_ALWAYS_WANTED = ("id", "type_symbol", "label_alt_id", "label_asym_id")  # without these gemmi finds no atoms
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_INSTEAD = {
    "_atom_site_fract_x": "is a small-molecule CIF (fractional coordinates); convert it to mmCIF or PDB",
    "_atom_site.fract_x": "gives fractional coordinates only; convert them to _atom_site.Cartn_x, y and z",
    "_chem_comp_atom.atom_id": "describes a chemical component, not a model (_chem_comp_atom, no _atom_site)",
    "_refln.index_h": "holds reflections, not a model; make a map of them first (gemmi sf2map)",
    "_ihm_sphere_obj_site.Cartn_x": "holds coarse-grained spheres (_ihm_sphere_obj_site) and no atoms",
}


def looks_like_cif(start: bytes) -> bool:
    """True if text starting with these bytes is CIF, even without the initial `data_` line."""
    return _START.match(start) is not None


def parse_cif(content: bytes) -> gemmi.cif.Document:
    """Parse CIF text; the `data_` line may be missing, and block names may repeat. gemmi's errors are passed on."""
    found = _START.match(content)
    if found and found[1].lower() != b"data_":
        content = b"data_ " + content  # on the same line, to keep line numbers in messages correct
    try:
        return gemmi.cif.read_string(content)
    except (RuntimeError, ValueError) as error:
        if "duplicate block name" not in str(error):
            raise
    number = count(1)  # files concatenated with themselves
    return gemmi.cif.read_string(_BLOCK.sub(lambda heading: b"%s_%d" % (heading[0], next(number)), content))


def cif_atoms(document: gemmi.cif.Document, name: str) -> tuple[gemmi.Structure, list[Assembly]]:
    """The atoms of every data block that has any, as one or more models, and the assemblies of the first such block.

    Other tables are removed from the document.

    Raises
    ------
    DataError
        No block has atoms, or a column required for a density is missing; the message names it.
    """
    blocks = [block for block in document if any(len(_column(block, tag)) for tag in _COORDINATES)]
    if not blocks:
        raise DataError(f"{name}: {_what_instead(document)}")
    assemblies = mmcif_assemblies(blocks[0])
    first, *others = (_structure_of(block, name) for block in blocks)
    if others:
        warnings.warn(
            f"{name}: {len(blocks)} data blocks contain atoms; each is read as a model", CryotoolsWarning, stacklevel=4
        )
        models = [model for structure in (first, *others) for model in structure]
        for number, model in enumerate(models, 1):
            model.num = number
        for model in models[len(first) :]:
            first.add_model(model)
    return first, assemblies


def _what_instead(document: gemmi.cif.Document) -> str:
    for tag, words in _INSTEAD.items():
        if any(len(block.find_values(tag)) for block in document):
            return words
    return "has no atoms (no _atom_site with coordinates)"


def _column(block: gemmi.cif.Block, tag: str) -> gemmi.cif.Column:
    return block.find_values(f"_atom_site.{tag}")


def _structure_of(block: gemmi.cif.Block, name: str) -> gemmi.Structure:
    """The atoms of a block, whose other tables are removed; columns that gemmi rejects are repaired."""
    for category in block.get_mmcif_category_names():
        if category.lower() not in _KEPT:
            block.find_mmcif_category(category).erase()
    missing = [tag for tag in _COORDINATES if not len(_column(block, tag))]
    if missing:
        raise DataError(f"{name}: _atom_site has no column {listing(missing)}, so the atoms have no coordinates")
    if not any(len(_column(block, tag)) for tag in ("type_symbol", "label_atom_id", "auth_atom_id")):
        raise DataError(f"{name}: _atom_site has neither type_symbol nor label_atom_id, so elements are unknown")
    if all(len(_column(block, tag)) for tag in _ALWAYS_WANTED):
        try:
            return gemmi.make_structure_from_block(block)
        except (RuntimeError, ValueError):
            pass
    _mend(block, name)
    return gemmi.make_structure_from_block(block)


def _mend(block: gemmi.cif.Block, name: str) -> None:
    """Give `_atom_site` all the columns gemmi needs, in the form it needs."""
    n = len(_column(block, "Cartn_x"))

    def values(*tags: str, default: str = ".") -> list[str]:
        """The first of these columns that exists."""
        return next((list(column) for tag in tags if len(column := _column(block, tag))), [default] * n)

    number, insertion = _residue_numbers(
        values("auth_seq_id", "label_seq_id"), values("label_seq_id"), values("pdbx_PDB_ins_code"), name
    )
    symbol = values("type_symbol", default="X")
    columns = {
        "group_PDB": values("group_PDB"),
        "id": values("id"),
        "type_symbol": symbol,
        "label_atom_id": values("auth_atom_id", "label_atom_id") if _named(block) else symbol,
        "label_alt_id": _letters(values("label_alt_id"), f"{name}: alternate locations"),
        "label_comp_id": values("auth_comp_id", "label_comp_id"),
        "label_asym_id": values("label_asym_id", "auth_asym_id"),
        "auth_asym_id": values("auth_asym_id", "label_asym_id"),
        "auth_seq_id": number,
        "pdbx_PDB_ins_code": _letters(insertion, f"{name}: insertion codes"),
        **{tag: values(tag) for tag in _COORDINATES},
        "occupancy": values("occupancy"),
        "B_iso_or_equiv": values("B_iso_or_equiv"),
        "pdbx_PDB_model_num": _model_numbers(values("pdbx_PDB_model_num", default="1"), name),
    }
    lengths = {tag: len(column) for tag, column in columns.items()}
    if set(lengths.values()) != {n}:
        odd = next(tag for tag, length in lengths.items() if length != n)
        raise DataError(f"{name}: _atom_site.{odd} has {lengths[odd]} values for {n} atoms; correct the file")
    block.find_mmcif_category("_atom_site.").erase()
    block.init_loop("_atom_site.", list(columns)).set_all_values(list(columns.values()))


def _named(block: gemmi.cif.Block) -> bool:
    return any(len(_column(block, tag)) for tag in ("auth_atom_id", "label_atom_id"))


def _residue_numbers(
    author: list[str], label: list[str], insertion: list[str], name: str
) -> tuple[list[str], list[str]]:
    """Integers and insertion codes; the label number, or 0, if the author's is not an integer."""
    numbers, codes, odd = [], [], 0
    for own, other, code in zip(author, label, insertion, strict=True):
        found = re.fullmatch(r"['\"]?([-+]?\d{1,9})([A-Za-z]?)['\"]?", own)
        fallback = other if re.fullmatch(r"[-+]?\d{1,9}", other) else "0"
        odd += not found and not gemmi.cif.is_null(own)
        numbers.append(found[1] if found else fallback)
        codes.append(found[2] if found and found[2] and gemmi.cif.is_null(code) else code)
    if odd:
        warnings.warn(
            f"{name}: {odd} residue numbers (_atom_site.auth_seq_id) are not integers; label_seq_id or 0 is used",
            CryotoolsWarning,
            stacklevel=7,
        )
    return numbers, codes


def _letters(values: list[str], what: str) -> list[str]:
    """`values` with longer texts replaced by single letters, as gemmi and PDB require."""
    texts = {value: gemmi.cif.as_string(value) for value in set(values)}
    taken = {text for text in texts.values() if len(text) == 1}
    free = (letter for letter in _LETTERS if letter not in taken)
    renamed = {value: next(free, "?") for value, text in sorted(texts.items()) if len(text) > 1}
    if renamed:
        shown = listing([f"{texts[value]} as {letter}" for value, letter in renamed.items()])
        warnings.warn(f"{what} of several letters are read as one: {shown}", CryotoolsWarning, stacklevel=7)
    return [renamed.get(value, value) for value in values] if renamed else values


def _model_numbers(values: list[str], name: str) -> list[str]:
    """Model numbers unchanged if all are integers; otherwise counted from 1 in file order."""
    distinct = list(dict.fromkeys(values))
    if all(re.fullmatch(r"\d{1,9}", value) for value in distinct):
        return values
    if len(distinct) > 1:
        warnings.warn(
            f"{name}: model numbers are not integers ({listing(distinct)}); models are numbered from 1",
            CryotoolsWarning,
            stacklevel=7,
        )
    count = {value: str(number) for number, value in enumerate(distinct, 1)}
    return [count[value] for value in values]
