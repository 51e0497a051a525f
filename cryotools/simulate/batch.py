"""Maps of many structures in one process: the jobs of a list, and the outcome of each."""

from __future__ import annotations

import os
import re
import time
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from cryotools.core.errors import CryotoolsError, CryotoolsNote, CryotoolsWarning, DataError, UsageError
from cryotools.core.files.table import Row, csv_text
from cryotools.core.structures.structurelist import FILE, list_structures, stem
from cryotools.simulate.columns import NAMES, with_columns
from cryotools.simulate.struc2map import Simulated, Simulation, check_choices, struc2map

OUT = "out"  # the column that names the output
MADE, SKIPPED, FAILED = "made", "skipped", "failed"
SUMMARY = ("structure", "status", "output", "atoms", "voxels", "seconds", "seed", "warnings", "error")
_MAP_NAME = re.compile(r"\.(mrc|map|ccp4)(\.gz|\.bz2)?$", re.IGNORECASE)
_OURS = (CryotoolsWarning, CryotoolsNote)


@dataclass(frozen=True)
class Job:
    """A map to make from the file `structure` and write to the file `output`."""

    structure: str
    output: str
    simulation: Simulation


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: `status` is made, skipped (its output exists) or failed; `warnings`, `error` are text."""

    job: Job
    status: str
    atoms: int | None = None
    voxels: int | None = None
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    error: str = ""

    def row(self) -> dict[str, Any]:
        """A line of the summary."""
        return {
            "structure": self.job.structure,
            "status": self.status,
            "output": self.job.output,
            "atoms": self.atoms,
            "voxels": self.voxels,
            "seconds": self.seconds,
            "seed": self.job.simulation.seed,
            "warnings": " | ".join(self.warnings),
            "error": self.error,
        }


class Writer(Protocol):
    """Destination of the maps."""

    def outputs(self, job: Job) -> Sequence[str]:
        """Every file that the job writes, the map first."""

    def check(self, job: Job) -> None:
        """Raise CryotoolsError if the outputs cannot be written."""

    def write(self, job: Job, made: Simulated) -> None:
        """Write the outputs."""


def plan(source: str | os.PathLike[str], folder: str | os.PathLike[str], base: Simulation) -> list[Job]:
    """A job for each structure in `source` (`core.structures.structurelist`), with outputs in `folder`.

    Outputs are named after their structures unless the column `out` names them; other columns (`simulate.columns`)
    change `base` for one structure. Each job has its own seed, from the column `seed` or derived from `base.seed` and
    the output's name, so that neither the order of a list nor its shards matter.

    Raises
    ------
    DataError
        The list is invalid or empty, or a value is invalid; the message names line and column.
    UsageError
        Options contradict each other.
    """
    rows = list_structures(source, (OUT, *NAMES))
    unknown = [name for name in rows[0].values if name not in (FILE, OUT, *NAMES)]
    if unknown:
        text = f"{source}: unknown columns are ignored: {', '.join(unknown)}"
        warnings.warn(text, CryotoolsWarning, stacklevel=2)
    return [_job(row, Path(source), Path(folder), base) for row in rows]


def check_distinct(jobs: Iterable[Job], writer: Writer) -> None:
    """Reject jobs that would write the same file.

    Raises
    ------
    DataError
        The message names both jobs and the file.
    """
    taken: dict[str, Job] = {}
    for job in jobs:
        for output in writer.outputs(job):
            other = taken.setdefault(os.path.realpath(output), job)
            if other is not job:
                raise DataError(
                    f"{other.structure} and {job.structure} would both be written to {output}; name one of the "
                    f"maps in the column {OUT} of a CSV list"
                )


def run_jobs(jobs: Iterable[Job], writer: Writer, *, no_clobber: bool = False) -> Iterator[Outcome]:
    """Run each job and yield its outcome; a failed job does not stop the rest.

    Warnings about a structure are part of its outcome; those about the machine are issued as usual.
    """
    for job in jobs:
        if no_clobber and Path(job.output).exists():
            yield Outcome(job, SKIPPED)
            continue
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcome = _run(job, writer)
        on_structure, on_machine = _sorted_out(caught, job)
        for category, text in on_machine:
            warnings.warn(text, category, stacklevel=2)
        yield replace(outcome, seconds=time.perf_counter() - start, warnings=on_structure)


def summary_csv_text(outcomes: Iterable[Outcome]) -> str:
    """A header and a line per job."""
    return csv_text(SUMMARY, (outcome.row() for outcome in outcomes), digits=2)


def _job(row: Row, source: Path, folder: Path, base: Simulation) -> Job:
    structure = row.values[FILE]
    output = folder / (row.values.get(OUT) or f"{stem(structure)}.mrc")
    if not _MAP_NAME.search(output.name):
        output = output.with_name(f"{output.name}.mrc")
    name = os.path.relpath(output, folder)
    own = replace(base, seed=zlib.crc32(f"{base.seed} {name}".encode()))
    try:
        simulation = with_columns(own, row.values, source.parent)
        check_choices(simulation)
    except ValueError as error:
        raise DataError(f"{source}: line {row.line}: {error}") from error
    except CryotoolsError as error:
        if not row.line:
            raise
        kind = UsageError if isinstance(error, UsageError) else DataError
        raise kind(f"{source}: line {row.line}: {error}") from error
    return Job(structure, str(output), simulation)


def _run(job: Job, writer: Writer) -> Outcome:
    try:
        writer.check(job)
        made = struc2map(job.structure, job.simulation)
        writer.write(job, made)
    except (CryotoolsError, OSError, MemoryError) as error:
        return Outcome(job, FAILED, error=str(error) or type(error).__name__)
    except Exception as error:  # noqa: BLE001 - one structure's failure must not stop the others
        return Outcome(job, FAILED, error=f"{type(error).__name__}: {error} (unexpected error)")
    return Outcome(job, MADE, len(made.atoms), made.volume.data.size)


def _sorted_out(
    caught: Iterable[warnings.WarningMessage], job: Job
) -> tuple[tuple[str, ...], list[tuple[type[Warning], str]]]:
    """The warnings about the structure, each text once, and those about the machine, which do not concern it."""
    ours = {str(each.message): each.category for each in caught if issubclass(each.category, _OURS)}
    machine = {
        text: category
        for text, category in ours.items()
        if issubclass(category, CryotoolsNote) and not text.startswith(job.structure)
    }
    return tuple(text for text in ours if text not in machine), [(kind, text) for text, kind in machine.items()]
