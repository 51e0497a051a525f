"""Models written line by line, sound or broken in one place, to see what the reader makes of them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

CIF_ATOM = {
    "group_PDB": "ATOM",
    "id": "1",
    "type_symbol": "C",
    "label_atom_id": "CA",
    "label_alt_id": ".",
    "label_comp_id": "ALA",
    "label_asym_id": "A",
    "label_entity_id": "1",
    "label_seq_id": "1",
    "pdbx_PDB_ins_code": "?",
    "Cartn_x": "11.104",
    "Cartn_y": "6.134",
    "Cartn_z": "-6.504",
    "occupancy": "1.00",
    "B_iso_or_equiv": "20.00",
    "auth_asym_id": "A",
    "auth_seq_id": "1",
    "pdbx_PDB_model_num": "1",
}


def atom_line(
    name: str = " CA ",
    x: float | str = "11.104",
    y: float | str = "6.134",
    z: float | str = "-6.504",
    *,
    record: str = "ATOM",
    serial: str = "1",
    altloc: str = " ",
    residue: str = "ALA",
    chain: str = "A",
    number: str = "1",
    icode: str = " ",
    occupancy: str = "1.00",
    b: str = "20.00",
    element: str | None = None,
) -> str:
    """One PDB record, everything in its column; the element is the name's first letter where that is C, N, O or S."""
    letter = name.strip()[:1]
    element = element if element is not None else letter if letter in ("N", "O", "S") else "C"
    place = "".join(f"{v:8.3f}" if isinstance(v, float) else f"{v:>8}" for v in (x, y, z))
    ident = f"{record:<6}{serial:>5} {name}{altloc}{residue:>3} {chain}{number:>4}{icode}   "
    return f"{ident}{place}{occupancy:>6}{b:>6}          {element:>2}"


def pdb(*lines: str) -> bytes:
    """PDB text of `lines`."""
    return ("\n".join([*lines, "END"]) + "\n").encode()


def cif_atom(**values: str) -> str:
    """One row of an atom_site loop."""
    return " ".join({**CIF_ATOM, **values}.values())


def cif(rows: Iterable[str] = (cif_atom(),), more: str = "", block: str = "test") -> bytes:
    """mmCIF text of `rows`, with `more` categories after them."""
    loop = "\n".join(["loop_", *(f"_atom_site.{column}" for column in CIF_ATOM), *rows])
    return f"data_{block}\n_entry.id {block}\n#\n{loop}\n#\n{more}".encode()


def saved(folder: Path, content: bytes, name: str = "model.pdb") -> Path:
    """The path of a new file with `content`, compressed where the name ends in .gz."""
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path
