"""Write atoms as PDB text, or as mmCIF text, which has no size limits."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

import gemmi
import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.structures.structure import LIGAND, NUCLEIC, PROTEIN, WATER, Structure

_LOWEST, _HIGHEST = -999.9995, 9999.9995  # Å; range of eight columns with three decimals
_LAST_SERIAL = 99999  # in CONECT records that every program can read
_REMARK_WIDTH = 68
_ENTITIES = {
    PROTEIN: gemmi.EntityType.Polymer,
    NUCLEIC: gemmi.EntityType.Polymer,
    WATER: gemmi.EntityType.Water,
    LIGAND: gemmi.EntityType.NonPolymer,
}


def pdb_text(structure: Structure, remarks: Iterable[str] = (), bonds: Sequence[tuple[int, int]] = ()) -> str:
    """All atoms as PDB text in a single model, the residues of a chain one after another.

    Serial and residue numbers too large for their columns are written as hybrid-36 (read by ChimeraX, Coot and gemmi).

    Parameters
    ----------
    remarks : sentences for REMARK 3; long ones are wrapped
    bonds : pairs of atom indices in `structure`, for CONECT; omitted above 99,999 atoms

    Raises
    ------
    DataError
        A coordinate or a chain name does not fit its columns.
    """
    if len(structure) and not (structure.xyz.min() > _LOWEST and structure.xyz.max() < _HIGHEST):
        raise DataError(
            f"{structure.name}: coordinates below -999 or above 9999 A do not fit into a PDB file; move the map"
        )
    if max((len(chain) for chain in structure.chain), default=0) > 2:
        raise DataError(f"{structure.name}: chain IDs longer than two letters do not fit into a PDB file; write mmCIF")
    whole = gemmi.Structure()
    whole.add_model(_model(structure, 1))
    options = gemmi.PdbWriteOptions(minimal=True, preserve_serial=True, ter_records=False, cryst1_record=False)
    atoms = whole.make_pdb_string(options).removesuffix("END\n").rstrip()
    parts = [*_remark_lines(remarks), atoms, *_conect_lines(bonds, len(structure)), "END"]
    return "\n".join(part for part in parts if part) + "\n"


def cif_text(
    structure: Structure,
    remarks: Iterable[str] = (),
    sequences: Mapping[str, Sequence[str]] | None = None,
    *,
    numbered: bool = False,
) -> str:
    """All atoms of all models as mmCIF text, with the entities and sequences of the chains.

    Chain names may have any length; an unnamed chain gets the first free letter. `b_factor` is written to the B-factor
    column; for a predicted model it is the confidence, as viewers expect it there.

    Parameters
    ----------
    remarks : sentences about the model
    sequences : the residue names of each full chain, including residues without atoms; for other chains they are taken
        from the atoms
    numbered : residue numbers are positions in `sequences`, from 1; otherwise residues are aligned to these

    Raises
    ------
    DataError
        There are no atoms, a coordinate is not a number, or a chain's atoms do not match the sequence given for it.
    """
    if not len(structure):
        raise DataError(f"{structure.name or 'structure'}: has no atoms to write")
    if not np.isfinite(structure.xyz).all():
        raise DataError(f"{structure.name}: {structure.atom_words(_first_unplaced(structure))} has no coordinates")
    structure = _named(structure)
    whole = gemmi.Structure()
    whole.name = re.sub(r"\W", "_", Path(structure.name).name.split(".")[0], flags=re.ASCII) or "model"
    for number in dict.fromkeys(structure.model.tolist()):
        whole.add_model(_model(structure[structure.model == number], number))
    whole.merge_chain_parts()
    _set_entities(whole, sequences or {}, structure.name, numbered)
    document = whole.make_mmcif_document(gemmi.MmcifOutputGroups(True, auth_all=True, symmetry=False, cell=False))
    about = "\n".join(" ".join(sentence.split()) for sentence in remarks)
    if about:
        document[0].init_loop("_database_PDB_remark.", ["id", "text"]).add_row(["3", gemmi.cif.quote(about)])
    return document.as_string()


def _named(structure: Structure) -> Structure:
    """The structure with a name for its unnamed chain, as mmCIF does not allow blank names."""
    used = set(structure.chain.tolist())
    if "" not in used:
        return structure
    free = next(letter for letter in (*ascii_uppercase, *ascii_lowercase, "blank") if letter not in used)
    return replace(structure, chain=np.where(structure.chain == "", free, structure.chain))


def _set_entities(whole: gemmi.Structure, sequences: Mapping[str, Sequence[str]], name: str, numbered: bool) -> None:
    """Assign chains to entities by type, and set the sequences of polymers."""
    whole.assign_subchains()
    whole.ensure_entities()
    chain_of = {part.subchain_id(): chain.name for model in whole for chain in model for part in chain.subchains()}
    for entity in _polymers(whole):
        (subchain,) = entity.subchains
        observed = max(([one.name for one in _polymer(model, subchain)] for model in whole), key=len)
        entity.full_sequence = [str(one) for one in sequences.get(chain_of[subchain], observed)]
    whole.deduplicate_entities()
    for number, entity in enumerate(whole.entities, 1):
        entity.name = str(number)
    whole.assign_label_seq_id(force=True)
    for entity in _polymers(whole):  # looked up again: the earlier objects are no longer valid
        full: dict[int | None, str] = dict(enumerate(entity.full_sequence, 1))
        for model in whole:
            for subchain in entity.subchains:
                for one in _polymer(model, subchain):
                    if numbered and chain_of[subchain] in sequences:
                        one.label_seq = one.seqid.num
                    if one.label_seq is None or full.get(one.label_seq) != one.name:
                        where = f"{one.name} {chain_of[subchain]}{one.seqid}"
                        raise DataError(f"{name}: {where} does not match the sequence given for its chain")


def _polymers(whole: gemmi.Structure) -> list[gemmi.Entity]:
    return [entity for entity in whole.entities if entity.entity_type == gemmi.EntityType.Polymer]


def _polymer(model: gemmi.Model, subchain: str) -> list[gemmi.Residue]:
    """The residues of a chain's polymer; of alternatives at one position, the first."""
    return list(model.get_subchain(subchain).first_conformer())


def _first_unplaced(structure: Structure) -> int:
    return int(np.flatnonzero(~np.isfinite(structure.xyz).all(axis=1))[0])


def _model(structure: Structure, number: int) -> gemmi.Model:
    """The atoms as one model; a chain name that recurs starts a new chain."""
    model = gemmi.Model(number)
    residue = structure.residue_index() if len(structure) else np.zeros(0, dtype=int)
    chain, last = None, -1
    for at in range(len(structure)):
        if chain is None or structure.chain[at] != chain.name:
            chain = model.add_chain(gemmi.Chain(str(structure.chain[at])))
        if residue[at] != last:
            last = residue[at]
            chain.add_residue(_residue(structure, at))
        chain[-1].add_atom(_atom(structure, at))
    return model


def _residue(structure: Structure, at: int) -> gemmi.Residue:
    residue = gemmi.Residue()
    residue.name = str(structure.residue_name[at])
    residue.seqid = gemmi.SeqId(int(structure.residue_number[at]), str(structure.insertion_code[at]) or " ")
    residue.het_flag = "H" if structure.hetero[at] else "A"
    residue.entity_type = _ENTITIES[int(structure.kind[at])]
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
