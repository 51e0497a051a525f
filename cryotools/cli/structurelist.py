"""`struc2map --list`: maps of many structures, a summary of the outcomes, and messages on the terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cryotools.cli.console import complain, detail, note, print_json, progress, spell
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    from cryotools.cli.mapwriter import MapWriter
    from cryotools.core.files.shards import Shard
    from cryotools.simulate.batch import Job, Outcome
    from cryotools.simulate.struc2map import Simulation

HELP = """--list makes a map of each structure of a folder, of a text file with one path per line, or of a CSV table, in
one process. A table has the column file, and optionally out (the name of the map) and columns named like options (res,
apix, box, like, chains, select, model, assembly, method, network, sharpen, match, noise, seed, ...), which override the
command line for that structure. Relative paths are relative to the list. Maps are named after their structures, and
OUT_DIR/summary.csv reports the outcome for each. The seed of each map is derived from --seed and its name."""


def check_list_options(output: str | None, preview: str | None) -> None:
    """Reject options for a single map."""
    if output:
        raise UsageError(f"--list takes one argument, the folder for the maps; leave out {output}")
    if preview:
        raise UsageError("--preview draws a single map; leave it out with --list")


def make_list(source: str, folder: str, base: Simulation, writer: MapWriter, part: Shard, as_json: bool) -> None:
    """Make the maps of this part of the list, write the summary, and exit with 1 if any failed."""
    from cryotools.core.files.output import check_output
    from cryotools.simulate.batch import FAILED, MADE, SKIPPED, check_distinct, plan

    jobs = plan(source, folder, base)
    check_distinct(jobs, writer)
    Path(folder).mkdir(parents=True, exist_ok=True)
    summary = Path(folder) / part.name("summary", ".csv")
    check_output(summary, [source])
    outcomes = _run(part.of(jobs), writer, summary)
    counts = {status: sum(each.status == status for each in outcomes) for status in (MADE, SKIPPED, FAILED)}
    if as_json:
        print_json({"folder": folder, "summary": str(summary), **counts})
    warned = sum(bool(each.warnings) for each in outcomes)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    note(f"{folder}: {told}; {warned} with warnings or notes; see {summary}")
    if counts[FAILED]:
        raise typer.Exit(1)


def _run(jobs: list[Job], writer: MapWriter, summary: Path) -> list[Outcome]:
    """The outcome of each job; the summary is written however the run ends."""
    from cryotools.core.files.output import write_text
    from cryotools.simulate.batch import run_jobs, summary_csv_text

    outcomes: list[Outcome] = []
    try:
        with progress() as reporter:
            reporter.start(len(jobs), "structures")
            for made in run_jobs(jobs, writer, no_clobber=writer.no_clobber):
                outcome = replace(made, error=spell(made.error), warnings=tuple(map(spell, made.warnings)))
                outcomes.append(outcome)
                reporter.advance()
                if outcome.error:
                    complain("error", _naming(outcome))
                detail(f"{outcome.job.output}: {outcome.status}, {outcome.seconds:.2f} s")
    finally:
        write_text(summary, summary_csv_text(outcomes))
    return outcomes


def _naming(outcome: Outcome) -> str:
    """The error, naming its structure only once."""
    named = outcome.error.startswith(outcome.job.structure)
    return outcome.error if named else f"{outcome.job.structure}: {outcome.error}"
