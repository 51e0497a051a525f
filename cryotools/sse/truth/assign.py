"""The class of each residue of a model: helix, sheet, nucleotide or other.

Helices and sheets are determined from the backbone's hydrogen bonds (`core.structures.dssp`), or taken from the HELIX
and SHEET records of the model's authors.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import cast

import gemmi
import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.structures.dssp import COIL, dssp
from cryotools.core.structures.formats.ciftext import looks_like_cif, parse_cif
from cryotools.core.structures.residues import Residues, find_residues
from cryotools.core.structures.structure import NUCLEIC, PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure_text

OTHER, HELIX, SHEET, NUCLEOTIDE = range(4)
CLASS_NAMES = ("other", "helix", "sheet", "nucleotide")
_CODES = {"H": HELIX, "G": HELIX, "I": HELIX, "E": SHEET, "B": SHEET}  # DSSP's eight states reduced to three


@dataclass(frozen=True)
class ClassedResidues(Residues):
    """The residues of a structure and their classes.

    Attributes
    ----------
    code : str (m,), DSSP's letter: H, G, I, E, B, or - for the rest
    classes : uint8 (m,), one of OTHER, HELIX, SHEET, NUCLEOTIDE
    known : bool (m,); False for amino acids with an incomplete backbone, whose class is set to OTHER
    """

    code: np.ndarray
    classes: np.ndarray
    known: np.ndarray

    def elements(self) -> np.ndarray:
        """The element that each residue belongs to, int (m,) from 0: a run of bonded residues of one class."""
        same = self.linked[:-1] & (self.classes[1:] == self.classes[:-1])
        return np.cumsum(np.append(False, ~same)[: len(self)])


def assign(structure: Structure) -> ClassedResidues:
    """The residues of `structure` and their classes, from hydrogen bonds; each model is treated separately.

    Nucleotides are the residues of nucleic acids, including modified ones, but not ligands such as GTP: those recorded
    as HETATM and not bonded to another residue.

    Raises
    ------
    DataError
        The structure contains no residue whose class can be determined.
    """
    residues = find_residues(structure)
    kind, backbone, linked = residues.kind, residues.backbone, residues.linked
    protein = kind == PROTEIN
    follows = np.append(False, linked[:-1])[: len(linked)]
    nucleotide = (kind == NUCLEIC) & ~(structure.hetero[residues.first_atom] & ~linked & ~follows)
    whole = protein & np.isfinite(backbone).all(axis=(1, 2))
    if not (whole | nucleotide).any():
        raise DataError(
            f"{structure.name}: no residue has a complete backbone (N, CA, C, O) and none is a nucleotide; "
            "secondary structure cannot be assigned"
        )
    if whole.sum() < 0.5 * protein.sum():
        lacking = f"{int((protein & ~whole).sum())} of {int(protein.sum())}"
        warnings.warn(
            f"{structure.name}: {lacking} amino acids lack backbone atoms; their secondary structure is unknown",
            CryotoolsWarning,
            stacklevel=2,
        )
    code = np.full(len(residues), COIL)
    for number in np.unique(residues.model):
        at = np.flatnonzero(whole & (residues.model == number))
        code[at] = dssp(backbone[at], residues.chain[at], residues.residue_name[at] == "PRO")
    return ClassedResidues(
        **{field.name: getattr(residues, field.name) for field in fields(residues)},
        code=code,
        classes=np.where(nucleotide, NUCLEOTIDE, _classes(code)).astype(np.uint8),
        known=whole | ~protein,
    )


def with_author_records(residues: ClassedResidues, path: str | os.PathLike[str]) -> ClassedResidues:
    """`residues` with helices and sheets as recorded in the file at `path` (HELIX and SHEET, or their mmCIF tables).

    Amino acids outside the records are OTHER, and even those with an incomplete backbone count as known; the records
    apply to every model.

    Raises
    ------
    DataError
        The file has no such records, or they cannot be read.
    """
    parsed = _records(path)
    spans = [(SHEET, strand.start, strand.end) for sheet in parsed.sheets for strand in sheet.strands]
    spans += [(HELIX, helix.start, helix.end) for helix in parsed.helices]  # where both are recorded, helices win
    if not spans:
        raise DataError(f"{path}: contains no HELIX or SHEET records; use the DSSP assignment instead")
    protein = residues.kind == PROTEIN
    code = np.full(len(residues), COIL)
    for which, start, end in spans:
        code[_span(residues, start, end) & protein] = "H" if which == HELIX else "E"
    classes = np.where(protein, _classes(code), residues.classes).astype(np.uint8)
    return replace(residues, code=code, classes=classes, known=np.ones(len(residues), dtype=bool))


def _records(path: str | os.PathLike[str]) -> gemmi.Structure:
    """Parse helices and sheets alone, so that nothing else in the file can interfere."""
    content = read_structure_text(path)
    try:
        if not looks_like_cif(content):
            return gemmi.read_pdb_string(b"".join(re.findall(rb"(?m)^(?:HELIX|SHEET) .*\n?", content)))
        recorded = gemmi.cif.Block("records")
        for block in parse_cif(content):
            for item in block:
                pair = cast("Sequence[str]", item.pair)
                tag = item.loop.tags[0] if item.loop else pair[0] if pair else ""
                if tag.lower().startswith(("_struct_conf.", "_struct_sheet")):
                    recorded.add_item(item)
        return gemmi.make_structure_from_block(recorded)
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{path}: HELIX and SHEET records cannot be read: {' '.join(str(error).split())}") from error


def _span(residues: Residues, start: gemmi.AtomAddress, end: gemmi.AtomAddress) -> np.ndarray:
    """Mask (m,) of the residues from `start` to `end`; insertion codes sort alphabetically after their number."""
    place = np.char.add(np.char.mod("%011d", residues.residue_number.astype(np.int64) + 10**9), residues.insertion_code)
    low, high = (f"{(at.res_id.seqid.num or 0) + 10**9:011d}{at.res_id.seqid.icode.strip()}" for at in (start, end))
    return (residues.chain == start.chain_name) & (place >= low) & (place <= high)


def _classes(code: np.ndarray) -> np.ndarray:
    classes = np.full(len(code), OTHER, dtype=np.uint8)
    for letter, which in _CODES.items():
        classes[code == letter] = which
    return classes
