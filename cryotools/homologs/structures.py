"""The structures in a folder of homologs, as they are docked, simulated and learnt from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.search.hits import Homolog, HomologFolder, read_homologs
from cryotools.sites.labels import label_sites

_FEWEST = 20  # residues


@dataclass(frozen=True, eq=False)
class HomologChain:
    """The protein of a homolog's chain, what the search says of it, and the `sequence` of its query; empty if no search
    has made the folder.
    """

    structure: Structure
    homolog: Homolog
    sequence: str = ""


def homolog_chains(folder: str | os.PathLike[str]) -> list[HomologChain]:
    """The homologs of a folder (`homologs.search`), the best first, each its own chain; copies of a file's chain, and
    what has fewer than 20 residues of protein, are left out. None at all is no error: a warning says so.

    Raises
    ------
    DataError
        There is no such folder, or its table is damaged.
    """
    found: list[HomologChain] = []
    seen: set[tuple[str, str]] = set()
    for one, sequence in _listed(folder):
        structure = _first_model(read_structure(one.path, skip_unknown=True))
        chosen = structure[(structure.chain == one.chain_among(structure.chain)) & (structure.kind == PROTEIN)]
        key = one.path.name, _residues(chosen)
        if _length(chosen) < _FEWEST:
            warnings.warn(f"{one.path}: chain {one.chain} has no {_FEWEST} residues; left out", CryotoolsWarning, 2)
        elif key not in seen:
            seen.add(key)
            found.append(HomologChain(chosen, one, sequence))
    if not found:
        warnings.warn(f"{folder}: has no homologs with protein; goes on without", CryotoolsWarning, stacklevel=2)
    return found


def homolog_structures(folder: str | os.PathLike[str]) -> list[Structure]:
    """The structures of `homolog_chains`; raises what that raises."""
    return [one.structure for one in homolog_chains(folder)]


def homolog_entries(folder: str | os.PathLike[str]) -> list[Structure]:
    """The homologs of a folder, the best first, each with all that is beside it in the file of the database: the
    homolog's own chain comes first. Those that touch no partner there tell nothing about binding sites, and are left
    out; none at all is no error: a warning says so.

    Raises
    ------
    DataError
        There is no such folder, or its table is damaged.
    """
    found = list(entries_of(one for one, _ in _listed(folder)))
    if not found:
        warnings.warn(
            f"{folder}: has no homologs that touch another chain, a ligand or nucleic acid in their own structures "
            "(they are read from the database's files, or from the folder if those are gone); goes on without",
            CryotoolsWarning,
            stacklevel=2,
        )
    return found


def entries_of(homologs: Iterable[Homolog]) -> Iterator[Structure]:
    """The entries of homologs, one after another; see `homolog_entries`."""
    seen: set[tuple[str, str]] = set()
    for one in homologs:
        path = one.source if one.source.exists() else one.path
        entry = _first_model(read_structure(path, skip_unknown=True))
        mine = entry.chain == one.chain
        key = path.name, _residues(entry[mine & (entry.kind == PROTEIN)])
        if key in seen or _length(entry[mine & (entry.kind == PROTEIN)]) < _FEWEST:
            continue
        seen.add(key)
        entry = replace(entry[np.argsort(~mine, kind="stable")], name=path.name)
        if has_sites(entry):
            yield entry


def has_sites(entry: Structure) -> bool:
    """Whether the first chain of an entry touches a partner (`sites.labels`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)
        labels = label_sites(entry)
    return bool(labels.sites[:, labels.residues.chain == entry.chain[0]].any())


def _listed(folder: str | os.PathLike[str]) -> Iterator[tuple[Homolog, str]]:
    """What the folder lists, each with the query's sequence; an empty one lists nothing."""
    place = Path(folder)
    if not place.is_dir():
        raise DataError(f"{place}: no such folder; give one made by `cryotools find-homologs`, or of structures")
    try:
        known: HomologFolder = read_homologs(place)
    except DataError:
        if any(place.iterdir()):
            raise
        return
    yield from ((one, known.sequences.get(one.query, "")) for one in known.homologs)


def _first_model(structure: Structure) -> Structure:
    return structure[structure.model == structure.model[:1]] if len(structure) else structure


def _residues(chain: Structure) -> str:
    return "".join(chain.residue_name[chain.atom_name == "CA"].tolist())


def _length(chain: Structure) -> int:
    return int(np.count_nonzero(chain.atom_name == "CA"))
