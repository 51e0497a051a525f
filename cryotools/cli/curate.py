"""`cryotools curate`: make a training set from maps and models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import detail, note, print_json, progress, set_threads, spell
from cryotools.core.errors import UsageError

NAME = "curate"
EPILOG = """PAIRS is a CSV file with the columns id, map, model, resolution (Å) and family. A column fold (0 to 3) sets
the cross-validation fold; without it, families are assigned to folds in order. Paths are relative to the list. OUT_DIR
receives ID.npz for each pair that is kept, report.csv and report.html with every verdict and its reason, and report.png
with a section through each pair.

With --fetch, the columns emdb (EMD-3488) and pdb (5NI1) may replace map and model, and the resolution may be left
empty. Files are downloaded once, interrupted downloads are resumed, and files are checked each time they are used.
Without --fetch the network is never used.

Examples:

cryotools curate pairs.csv training-set

cryotools curate pairs.csv training-set --shard 1/4 --min-correlation 0.7 --json
"""


def command(
    pairs: Annotated[str, typer.Argument(metavar="PAIRS", help="CSV list of maps and models.")],
    folder: Annotated[str, typer.Argument(metavar="OUT_DIR", help="Folder for the training set.")],
    min_correlation: Annotated[
        float,
        opt.main(
            "--min-correlation",
            "--least-correlation",
            metavar="X",
            help="Drop pairs whose map correlates less than this with molmap near the atoms.",
        ),
    ] = 0.6,
    min_gain: Annotated[
        float,
        opt.main(
            "--min-gain",
            "--least-gain",
            metavar="X",
            help="Drop pairs whose backbone density exceeds that of shifted copies by less than this, σ.",
        ),
    ] = 0.5,
    fetch: Annotated[
        bool, opt.main("--fetch", metavar="", help="Download maps and models listed by their EMDB and PDB IDs.")
    ] = False,
    cache: Annotated[
        str | None, opt.output("--cache", metavar="DIR", help="Folder for downloads; default: OUT_DIR/downloads.")
    ] = None,
    shard: opt.Shard = None,
    threads: opt.Threads = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    archive: Annotated[
        str | None,
        opt.advanced("--archive", metavar="URL", help="Mirror to download from; default: https://files.wwpdb.org/pub."),
    ] = None,
    debug: opt.Debug = False,
) -> None:
    """Check pairs of maps and models, and build a training set from the good ones."""
    set_threads(threads)
    from cryotools.core.files.archive import ARCHIVE, Cache
    from cryotools.core.files.shards import parse_shard
    from cryotools.curation.curate import Rules, curate
    from cryotools.curation.pairlist import read_list
    from cryotools.curation.report import DROPPED, FAILED, KEPT, draw_report, write_page, write_report

    if not fetch and (cache or archive):
        raise UsageError(f"{'--cache' if cache else '--archive'} is for downloads; add --fetch")
    downloads = Cache(Path(cache or Path(folder, "downloads")), archive or ARCHIVE, say=detail) if fetch else None
    part = parse_shard(shard)
    entries = read_list(pairs)
    if not fetch and (by_id := [entry.id for entry in entries if not (entry.map and entry.model)]):
        raise UsageError(f"{pairs}: {by_id[0]} gives an accession instead of a file; add --fetch to download it")
    entries = part.of(entries)
    with progress() as reporter:
        reporter.start(len(entries), "pairs")
        verdicts = []
        for found in curate(entries, folder, Rules(min_correlation, min_gain), downloads):
            verdict = replace(found, reason=spell(found.reason), warnings=spell(found.warnings))
            verdicts.append(verdict)
            reporter.advance()
            detail(f"{verdict.id}: {verdict.status} {verdict.reason}".rstrip())
    report = Path(folder) / part.name("report", ".csv")
    write_report(report, verdicts)
    write_page(report.with_suffix(".html"), verdicts)
    draw_report(report.with_suffix(".png"), folder, verdicts)
    counts = {status: sum(v.status == status for v in verdicts) for status in (KEPT, DROPPED, FAILED)}
    warned = sum(bool(verdict.warnings) for verdict in verdicts)
    if json:
        print_json({"folder": folder, "report": str(report), **counts, "with_warnings": warned})
    else:
        also = f", {warned} with warnings" if warned else ""
        note(f"{folder}: {counts[KEPT]} of {len(verdicts)} pairs kept{also}; reasons are in {report}")
    if counts[FAILED]:
        raise typer.Exit(1)
