"""The chains of homologs as files of their own, cut to what is aligned."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.files.output import write_text
from cryotools.core.structures.residues import Residues, find_residues
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.write import cif_text
from cryotools.homologs.search.chains import chain_sequences, residues_at

KEPT = ("aligned", "chain", "entry")
_LIKE = 0.5  # share of a sequence that must be found in a chain for it to be the sequence's


class StructureCutter:
    """Writes what is to be kept of structures: the aligned part of a chain, the whole chain, or all of the file."""

    def __init__(self, keep: str) -> None:
        self._keep = keep
        self._read = lru_cache(maxsize=8)(_read)  # hits of one query often share a file

    def chain_of(self, path: Path, letters: str, chain: str) -> str:
        """The chain of a structure that has the sequence `letters`: `chain` if it does, else the one most like it.

        Raises
        ------
        DataError
            The structure cannot be read, or no chain is like the sequence.
        """
        _, residues = self._read(path)
        found = chain_sequences(residues)
        if found.get(chain) == letters:
            return chain
        shares = {name: float(np.mean(residues_at(letters, residues, name) >= 0)) for name in found}
        if chain in shares and shares[chain] >= _LIKE * min(1, len(found[chain]) / len(letters)):
            return chain
        best = max(shares, key=lambda name: shares[name], default="")
        if not shares or shares[best] < _LIKE * min(1, len(found[best]) / len(letters)):
            raise DataError(f"{path}: has no chain with this sequence")
        return best

    def cut(self, path: Path, chain: str, letters: str, aligned: slice) -> Structure:
        """What is kept of a chain with the sequence `letters`, of which a part is `aligned`: the first model, from the
        first to the last residue of that part.

        Raises
        ------
        DataError
            The structure cannot be read, or none of the residues has coordinates.
        """
        structure, residues = self._read(path)
        found = residues_at(letters, residues, chain)[aligned]
        there = found[found >= 0]
        if not len(there):
            raise DataError(f"{path}: chain {chain} has no coordinates where it is aligned")
        if self._keep == "entry":
            return structure
        of_chain = np.flatnonzero((residues.chain == chain) & (residues.kind == residues.kind[there[0]]))
        if self._keep == "aligned":
            of_chain = of_chain[(of_chain >= there.min()) & (of_chain <= there.max())]
        return structure[np.isin(residues.of_atom, of_chain)]

    def write(self, target: Path, part: Structure, remark: str) -> None:
        """Write a part of a structure as mmCIF."""
        write_text(target, cif_text(part, [remark]))


def _read(path: Path) -> tuple[Structure, Residues]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)  # the database's oddities are not this search's
        structure = read_structure(path, skip_unknown=True)
    return structure, find_residues(structure)
