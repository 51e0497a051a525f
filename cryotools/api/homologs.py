"""Homologs of known structure from Python."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from cryotools.api.arguments import Path

if TYPE_CHECKING:
    from cryotools.homologs.search.hits import HomologFolder


def find_homologs(
    sequences: Mapping[str, str] | Path,
    out: Path | None = None,
    *,
    database: Path,
    engine: Literal["auto", "pyhmmer", "mmseqs", "blast", "biopython"] = "auto",
    iterations: int = 1,
    evalue: float = 1e-3,
    min_identity: float = 0.0,
    exclude_identity: float | None = None,
    min_coverage: float = 0.0,
    max_hits: int = 20,
    keep: Literal["aligned", "chain", "entry"] = "aligned",
    fetch: bool = False,
    cache: Path | None = None,
    threads: int = 1,
) -> HomologFolder:
    """Known structures with sequences similar to those of proteins; what `cryotools find-homologs` finds.

    Parameters
    ----------
    sequences : one-letter codes by name, or a FASTA file
    out : folder for the results; None writes nothing
    database : folder of structures, or FASTA file, to search
    iterations : searches, with a profile from the second on
    min_identity, min_coverage : least share of equal residues among aligned ones, and of the query that is aligned
    exclude_identity : leave out chains of this identity or more, as that of the query itself
    max_hits : the most homologs of a query
    keep : what to write of a structure: the aligned part of its chain, the chain, or the entry
    fetch : download structures that are known by their PDB ids only
    cache : folder for the sequences of the database and for downloads; None is ~/.cache/cryotools

    Raises
    ------
    UsageError
        An option is out of range, or `out` is the database.
    DataError
        The sequences or the database cannot be read or hold no protein, or the engine is missing or fails.
    """
    from cryotools.core.files.archive import Cache
    from cryotools.core.structures.fasta import read_fasta
    from cryotools.homologs.search.database import default_cache, open_database
    from cryotools.homologs.search.find import SearchOptions, search_homologs

    options = SearchOptions(
        engine=engine,
        iterations=iterations,
        evalue=evalue,
        min_identity=min_identity,
        exclude_identity=exclude_identity,
        min_coverage=min_coverage,
        max_hits=max_hits,
        keep=keep,
        threads=threads,
    )
    queries = sequences if isinstance(sequences, Mapping) else read_fasta(sequences)
    place = default_cache() if cache is None else pathlib.Path(cache)
    downloads = Cache((place or pathlib.Path()) / "downloads") if fetch else None
    return search_homologs(queries, out, open_database(database, place), options, downloads)
