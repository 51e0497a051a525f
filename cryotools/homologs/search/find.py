"""Search known structures for homologs of sequences, and leave what is found in a folder."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError, UsageError, check_choice, listing
from cryotools.core.files.archive import Cache, pdb_id
from cryotools.core.progress import NoProgress, Progress
from cryotools.homologs.search.cut import KEPT, StructureCutter
from cryotools.homologs.search.database import ChainDatabase, KnownChain, name_parts
from cryotools.homologs.search.engines.choose import AUTO, choose_engine
from cryotools.homologs.search.engines.interface import Match, SearchTask, one_per_target
from cryotools.homologs.search.hits import Homolog, HomologFolder
from cryotools.homologs.search.output import HomologWriter, homolog_writer
from cryotools.homologs.search.queries import protein_queries


@dataclass(frozen=True)
class SearchOptions:
    """How to search, and which hits to keep.

    Attributes
    ----------
    engine : "auto", "pyhmmer", "mmseqs", "blast" or "biopython"
    iterations : of a search with profiles; 1 searches with the sequence alone
    evalue : largest E-value
    min_identity, min_coverage : least identity and coverage, 0 to 1
    exclude_identity : leave out hits of this identity or more, as the query itself; None keeps all
    max_hits : the most homologs of a query
    keep : of a structure: the "aligned" part of its chain, the whole "chain", or the whole "entry"
    threads : processors for the search

    Raises
    ------
    ArgumentError
        A value is out of range.
    """

    engine: str = AUTO
    iterations: int = 1
    evalue: float = 1e-3
    min_identity: float = 0.0
    exclude_identity: float | None = None
    min_coverage: float = 0.0
    max_hits: int = 20
    keep: str = "aligned"
    threads: int = 1

    def __post_init__(self) -> None:
        check_choice("keep", self.keep, KEPT)
        if not 0 < self.evalue < math.inf:
            raise ArgumentError("evalue", self.evalue, "give a positive number, such as 0.001")
        if self.max_hits < 1:
            raise ArgumentError("max_hits", self.max_hits, "give a number from 1 on")
        for name in ("min_identity", "min_coverage", "exclude_identity"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ArgumentError(name, value, "give a share from 0 to 1")

    def is_kept(self, one: Match, length: int) -> bool:
        """Whether a hit of a query of this length is taken."""
        is_alike = self.exclude_identity is not None and one.identity >= self.exclude_identity
        return not is_alike and one.identity >= self.min_identity and one.aligned >= self.min_coverage * length


def search_homologs(
    sequences: Mapping[str, str],
    out: str | os.PathLike[str] | None,
    database: ChainDatabase,
    options: SearchOptions | None = None,
    downloads: Cache | None = None,
    reporter: Progress | None = None,
) -> HomologFolder:
    """Find homologs of protein `sequences` among the chains of `database`, and write them to the folder `out`.

    The folder receives homologs.csv, the structures, an alignment QUERY.a3m of all hits of each query (also of those
    too alike or too many to be kept, which conservation wants) and queries.fasta. Without `out` nothing is written:
    `path` is the file of the database then. A query without homologs is named in a warning and has no rows.

    Parameters
    ----------
    downloads : where to get the structures of hits that are known only by PDB id; None leaves these hits without

    Raises
    ------
    DataError
        There is no protein among the sequences, the engine asked for is missing or fails, or a file cannot be written.
    UsageError
        The engine is unknown or cannot iterate, or `out` is the database.
    """
    options = options or SearchOptions()
    engine = choose_engine(options.engine, options.iterations)
    queries = protein_queries(sequences)
    folder = None if out is None else Path(out)
    if folder is not None and folder.resolve() == Path(database.name).resolve():
        raise UsageError(f"{folder}: is the database; give another folder for the results")
    targets = [known.letters for known in database.chains]
    names = [known.name for known in database.chains]
    task = SearchTask(queries, targets, options.evalue, options.iterations, options.threads)
    found: list[Homolog] = []
    found_by: set[str] = set()
    alike: set[str] = set()  # queries of which there are hits
    with nullcontext() if folder is None else homolog_writer(folder, queries) as writer:
        placing = _Placing(database.chains, StructureCutter(options.keep), writer, downloads)
        for name, matches in engine.search(task, reporter or NoProgress()):
            hits = one_per_target(matches, queries[name], targets)
            kept = [one for one in hits if options.is_kept(one, len(queries[name]))][: options.max_hits]
            homologs = list(placing.homologs(name, queries[name], kept))
            found += [one for one in homologs if one.path.name]
            alike.add(name)
            if homologs:
                found_by.add(name)
            if writer is not None:
                writer.add(homologs)
                writer.write_alignment(name, hits, names)
        placing.warn()
    _warn_of_none([name for name in queries if name not in found_by], len(queries), alike, database.name)
    return HomologFolder(folder, tuple(found), queries)


def _warn_of_none(without: Sequence[str], count: int, alike: Collection[str], database: str) -> None:
    """Name the queries without homologs, and say how many of them have hits that are not kept."""
    if not without:
        return
    some = f"{len(without)} of {count} sequences" if len(without) > 1 else f"sequence {without[0]}"
    named = f" ({listing(without)})" if len(without) > 1 else ""
    left_out = sum(name in alike for name in without)
    if left_out == len(without):
        advice = "there are hits, but the limits of identity and coverage or the lack of a structure leave them out"
    else:
        also = f"; {left_out} of them have hits that are left out" if left_out else ""
        advice = f"try a larger `evalue`, `iterations=3`, or another database{also}"
    warnings.warn(f"no homolog of {some} is in {database}{named}; {advice}", CryotoolsWarning, stacklevel=3)


@dataclass
class _Placing:
    """From hits to homologs: finds and cuts their structures, and remembers what could not be had."""

    chains: Sequence[KnownChain]
    cutter: StructureCutter
    writer: HomologWriter | None
    downloads: Cache | None
    without: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def homologs(self, query: str, letters: str, hits: Sequence[Match]) -> Iterator[Homolog]:
        """The homologs of a query in the order of its hits; those without a structure have no path."""
        rank = 0
        for hit in hits:
            known = self.chains[hit.target]
            source = chain = None
            path = Path()
            try:
                source = known.path or self._fetched(known.name)
                if source is None:
                    self.without.append(known.name)
                else:
                    chain = self.cutter.chain_of(source, known.letters, known.chain)
                    path = self._cut(query, source, chain, known.letters, hit)
            except DataError as error:
                self.faults.append(str(error))
                if known.path is not None:
                    continue  # the structure is there but of no use
            rank += 1
            yield Homolog(
                query=query,
                path=path,
                chain=known.chain if chain is None else chain,
                identity=hit.identity,
                coverage=hit.aligned / len(letters),
                evalue=hit.evalue,
                query_aligned=hit.query_aligned,
                target_aligned=hit.target_aligned,
                score=hit.score,
                query_from=hit.query_start + 1,
                query_to=hit.query_end,
                target_from=hit.target_start + 1,
                target_to=hit.target_end,
                source=source or Path(),
                rank=rank,
            )

    def warn(self) -> None:
        """Say what could not be had."""
        if self.faults:
            more = f", and {len(self.faults) - 1} others" if len(self.faults) > 1 else ""
            warnings.warn(f"homologs without a structure: {self.faults[0]}{more}", CryotoolsWarning, stacklevel=3)
        if self.without:
            advice = "" if self.downloads else "; add `fetch=True` to download entries of the PDB"
            warnings.warn(
                f"structures are missing for {len(self.without)} of the homologs ({listing(self.without)}){advice}",
                CryotoolsWarning,
                stacklevel=3,
            )

    def _fetched(self, name: str) -> Path | None:
        entry = pdb_id(name_parts(name)[0]) or pdb_id(name)
        return self.downloads.model_file(entry) if self.downloads and entry else None

    def _cut(self, query: str, source: Path, chain: str, letters: str, hit: Match) -> Path:
        part = self.cutter.cut(source, chain, letters, slice(hit.target_start, hit.target_end))
        if self.writer is None:
            return source
        target = self.writer.structure_file(query, source, chain)
        remark = (
            f"Homolog of {query}: residues aligned with {hit.query_start + 1}-{hit.query_end}, identity "
            f"{hit.identity:.3f}, E-value {hit.evalue:.2g}, from {source.name}"
        )
        self.cutter.write(target, part, remark)
        return target
