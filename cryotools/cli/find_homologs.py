"""`cryotools find-homologs`: known structures whose sequences are similar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import detail, note, print_json, progress, set_threads, skip_existing
from cryotools.core.errors import UsageError

NAME = "find-homologs"
EPILOG = """SEQUENCES is a FASTA file of proteins, such as those of the map. The database (--db) is a folder of
structures (PDB or mmCIF, also .gz; predicted models, too), whose sequences are read once and kept, or a FASTA file. Its
sequences belong to structures beside it if they are named after them: 1abc_A is chain A of 1abc.cif. With --fetch,
those named after entries of the PDB are downloaded; without it the network is never used.

OUT_DIR receives homologs.csv (identity, coverage, E-value and alignment of each homolog), the aligned part of each
chain as QUERY_FILE_CHAIN.cif, an alignment of all hits of each query, QUERY.a3m, and queries.fasta. Identity is the
share of equal residues among aligned pairs, coverage the share of the query's residues that are aligned.

Engines (--engine): pyhmmer (phmmer; jackhmmer with --iterations), mmseqs and blast if these programs are on the PATH,
and biopython, slow but always there. auto is pyhmmer if it is installed, else biopython.

Examples:

cryotools find-homologs proteins.fasta homologs --db structures --exclude-identity 0.95

cryotools find-homologs proteins.fasta homologs --db structures --iterations 3 --min-coverage 0.5 --json
"""


def command(
    sequences: Annotated[str, typer.Argument(metavar="SEQUENCES", help="FASTA file of the proteins to search with.")],
    folder: Annotated[str, typer.Argument(metavar="OUT_DIR", help="Folder for the results.")],
    database: Annotated[
        str, opt.main("--db", metavar="DIR|FASTA", help="Folder of structures, or FASTA file, to search.")
    ],
    min_identity: Annotated[
        float, opt.main("--min-identity", metavar="X", help="Least identity of a homolog, 0 to 1.")
    ] = 0.0,
    exclude_identity: Annotated[
        float | None,
        opt.main("--exclude-identity", metavar="X", help="Leave out chains of this identity or more, as the query's."),
    ] = None,
    min_coverage: Annotated[
        float, opt.main("--min-coverage", metavar="X", help="Least share of the query that is aligned, 0 to 1.")
    ] = 0.0,
    max_hits: Annotated[int, opt.main("--max-hits", metavar="N", help="The most homologs of a query.")] = 20,
    fetch: Annotated[
        bool, opt.main("--fetch", metavar="", help="Download structures that are known by their PDB IDs only.")
    ] = False,
    keep: Annotated[
        str,
        opt.output(
            "--keep", metavar="WHAT", help="What of a structure to write: the aligned part, the chain, or the entry."
        ),
    ] = "aligned",
    cache: Annotated[
        str | None,
        opt.output(
            "--cache",
            metavar="DIR",
            help="Folder for the database's sequences and for downloads; default: ~/.cache/cryotools.",
            show_default=False,
        ),
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    engine: Annotated[
        str, opt.compute("--engine", metavar="NAME", help="auto, pyhmmer, mmseqs, blast or biopython.")
    ] = "auto",
    iterations: Annotated[
        int, opt.compute("--iterations", metavar="N", help="Search N times, with a profile from the second time on.")
    ] = 1,
    threads: opt.Threads = None,
    evalue: Annotated[
        float, opt.advanced("--evalue", "-E", metavar="X", help="Largest E-value: hits expected by chance.")
    ] = 1e-3,
    archive: Annotated[
        str | None,
        opt.advanced("--archive", metavar="URL", help="Mirror to download from; default: https://files.wwpdb.org/pub."),
    ] = None,
    debug: opt.Debug = False,
) -> None:
    """Find known structures of homologs of proteins, by their sequences."""
    threads = set_threads(threads)
    if skip_existing(str(Path(folder) / "homologs.csv"), no_clobber):
        return
    from cryotools.core.files.archive import ARCHIVE, Cache
    from cryotools.core.structures.fasta import read_fasta
    from cryotools.homologs.search.database import default_cache, open_database
    from cryotools.homologs.search.find import SearchOptions, search_homologs

    if archive and not fetch:
        raise UsageError("--archive is for downloads; add --fetch")
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
    place = Path(cache) if cache else default_cache()
    downloads = Cache((place or Path(folder)) / "downloads", archive or ARCHIVE, say=detail) if fetch else None
    queries = read_fasta(sequences)
    with progress() as reporter:
        known = open_database(database, place, reporter)
        found = search_homologs(queries, folder, known, options, downloads, reporter)
    with_homologs = {one.query for one in found.homologs}
    figures = {
        "folder": folder,
        "n_queries": len(found.sequences),
        "n_with_homologs": len(with_homologs),
        "n_homologs": len(found.homologs),
        "n_chains_searched": len(known.chains),
        "n_files_left_out": len(known.faults),
        "highest_identity": max((one.identity for one in found.homologs), default=None),
    }
    if json:
        print_json(figures)
    best = f", identity up to {figures['highest_identity']:.0%}" if found.homologs else ""
    note(
        f"{folder}: {len(found.homologs)} homologs of {len(with_homologs)} of {len(found.sequences)} sequences among "
        f"{len(known.chains)} chains{best}"
    )
