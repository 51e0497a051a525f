"""Homologs of sequences, and the folder in which a search leaves them."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.files.table import Row, number, read_table
from cryotools.core.structures.fasta import read_fasta
from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structurelist import is_structure
from cryotools.homologs.search.chains import read_chains, residues_at

TABLE, QUERIES = "homologs.csv", "queries.fasta"
COLUMNS = (
    "query",
    "rank",
    "file",
    "chain",
    "identity",
    "coverage",
    "evalue",
    "score",
    "query_from",
    "query_to",
    "target_from",
    "target_to",
    "query_aligned",
    "target_aligned",
    "source",
)
_NONE = float("nan")


@dataclass(frozen=True)
class Homolog:
    """A chain of known structure whose sequence is similar to that of a query, and how they are aligned.

    In a plain folder of structures, which no search has made, `query` and the two alignments are empty, the numbers are
    NaN or 0, and `path` and `source` are equal.

    Attributes
    ----------
    query : name of the query
    path : file of the structure, cut to what was kept of it
    chain : its chain
    identity : share of equal letters among aligned pairs, columns without a gap; 0 to 1
    coverage : share of the query's residues that are aligned with a residue of the chain; 0 to 1
    evalue : how many hits of this score are expected by chance in the whole database
    query_aligned, target_aligned : one-letter codes of equal length, with - for gaps
    score : bits
    query_from, query_to, target_from, target_to : first and last position of the alignment, counted from 1; those of
        the target count in the sequence of the database
    source : file of the database from which `path` was taken, with all chains and ligands
    rank : 1 for the best hit of the query
    """

    query: str
    path: Path
    chain: str
    identity: float = _NONE
    coverage: float = _NONE
    evalue: float = _NONE
    query_aligned: str = ""
    target_aligned: str = ""
    score: float = _NONE
    query_from: int = 0
    query_to: int = 0
    target_from: int = 0
    target_to: int = 0
    source: Path = Path()
    rank: int = 0

    def pairs(self) -> np.ndarray:
        """Positions of aligned residues in the query and in the aligned part of the target, int (k, 2), from 0."""
        query = np.array([letter != "-" for letter in self.query_aligned], dtype=bool)
        target = np.array([letter != "-" for letter in self.target_aligned], dtype=bool)
        both = query & target
        places = np.column_stack([np.cumsum(query), np.cumsum(target)]) - 1
        return places[both] + [self.query_from - 1, 0]

    def chain_among(self, chains: np.ndarray) -> str:
        """The homolog's chain among those of `path` or `source` (n,): a chain without a name has one in `path`."""
        names = np.unique(chains).tolist()
        return names[0] if not self.chain and len(names) == 1 else self.chain

    def aligned_residues(self, residues: Residues) -> tuple[np.ndarray, np.ndarray]:
        """Positions in the query, from 0, and the residues among `residues` (of `path` or `source`) aligned with them,
        both int (k,); pairs whose residue is not in the structure are left out.
        """
        query, target = self.pairs().T
        found = residues_at(self.target_aligned.replace("-", ""), residues, self.chain_among(residues.chain))
        there = found[target] >= 0
        return query[there], found[target][there]


@dataclass(frozen=True)
class HomologFolder:
    """Homologs of known structure, the best of each query first, the sequences of all queries, and where files are;
    `folder` is None if nothing was written.
    """

    folder: Path | None
    homologs: tuple[Homolog, ...]
    sequences: Mapping[str, str] = field(default_factory=dict)

    def of(self, query: str) -> tuple[Homolog, ...]:
        """The homologs of one query."""
        return tuple(one for one in self.homologs if one.query == query)

    def alignment_file(self, query: str) -> Path:
        """The multiple alignment of all hits of `query` (A3M); there is no such file if there are none.

        Raises
        ------
        DataError
            Nothing was written, or the folder is not that of a search for this query.
        """
        if self.folder is None:
            raise DataError("the search wrote no alignments; give it a folder")
        if query not in self.sequences:
            raise DataError(f"{self.folder}: has no alignment of {query}; search for its homologs")
        return self.folder / f"{file_stems(self.sequences)[query]}.a3m"


def read_homologs(folder: str | os.PathLike[str]) -> HomologFolder:
    """The homologs that a search has left in `folder`; or, of any folder of structures, each of its protein chains.

    Files of a plain folder that cannot be read are left out with a warning.

    Raises
    ------
    DataError
        There is no such folder, its table is damaged or names a file that is missing, or a plain folder has no protein.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DataError(f"{place}: {'is not a folder' if place.exists() else 'no such folder'}")
    if not (place / TABLE).exists():
        return _plain(place)
    sequences = read_fasta(place / QUERIES) if (place / QUERIES).exists() else {}
    rows = read_table(place / TABLE, COLUMNS, COLUMNS[:4])
    found = [_homolog(place, row) for row in rows if row.values["file"]]
    missing = [one.path for one in found if not one.path.exists()]
    if missing:
        raise DataError(f"{place / TABLE}: {missing[0].name} is not in the folder; search again")
    return HomologFolder(place, tuple(found), sequences)


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """A name for the files of each of `names`, without characters that file systems or shells mind, each its own."""
    stems: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        plain = re.sub(r"[^\w.+-]", "_", name)[:80].lstrip(".-") or "query"
        stem = next(each for k in count(1) if (each := plain if k == 1 else f"{plain}-{k}").lower() not in used)
        used.add(stem.lower())
        stems[name] = stem
    return stems


def _homolog(folder: Path, row: Row) -> Homolog:
    values = row.values
    try:
        identity, coverage, evalue, score = (_number(values.get(key, "")) for key in COLUMNS[4:8])
        rank, *ends = (int(values.get(key) or 0) for key in (COLUMNS[1], *COLUMNS[8:12]))
    except ValueError as error:
        raise DataError(f"{folder / TABLE}: line {row.line}: {error}") from error
    path = folder / values["file"]
    query_aligned, target_aligned = values.get("query_aligned", ""), values.get("target_aligned", "")
    if len(query_aligned) != len(target_aligned):
        raise DataError(f"{folder / TABLE}: line {row.line}: the aligned sequences differ in length")
    return Homolog(
        query=values["query"],
        path=path,
        chain=values["chain"],
        identity=identity,
        coverage=coverage,
        evalue=evalue,
        query_aligned=query_aligned,
        target_aligned=target_aligned,
        score=score,
        query_from=ends[0],
        query_to=ends[1],
        target_from=ends[2],
        target_to=ends[3],
        source=Path(values["source"]) if values.get("source") else path,
        rank=rank,
    )


def _number(text: str) -> float:
    return number(text) if text else math.nan


def _plain(folder: Path) -> HomologFolder:
    """Each protein chain of the structures in a folder."""
    found: list[Homolog] = []
    faults: list[str] = []
    for path in sorted(each for each in folder.iterdir() if is_structure(each) and not each.name.startswith(".")):
        try:
            found += [Homolog(query="", path=path, chain=chain, source=path) for chain in read_chains(path)]
        except DataError as error:
            faults.append(str(error))
    if not found:
        raise DataError(faults[0] if faults else f"{folder}: has no homologs: no {TABLE}, and no protein structures")
    if faults:
        warnings.warn(_faults(faults), CryotoolsWarning, stacklevel=3)
    return HomologFolder(folder, tuple(found))


def _faults(faults: Sequence[str]) -> str:
    more = f", and {len(faults) - 1} other files" if len(faults) > 1 else ""
    return f"left out: {faults[0]}{more}"
