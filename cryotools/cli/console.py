"""Shared by all commands: one-line messages on the terminal, JSON, progress, threads."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cryotools import __version__
from cryotools.cli.spelling import spelled
from cryotools.core import cgroup
from cryotools.core.errors import UsageError
from cryotools.core.processes import talks

if TYPE_CHECKING:
    from cryotools.core.progress import NoProgress, StreamProgress


@dataclass
class _State:
    command: str = ""
    parameters: Sequence[Any] = ()
    debug: bool = False
    quiet: bool = False
    verbose: bool = False
    warned: set[str] = field(default_factory=set)


state = _State()


def reset_state() -> None:
    """Reset the command's state to that before any command ran."""
    vars(state).update(vars(_State()))


def spell(text: str) -> str:
    """A message of the library that names the options of the running command instead of Python parameters."""
    return spelled(text, state.parameters)


def note(text: str) -> None:
    """A line for the user on stderr, unless --quiet; of several processes, the first prints it."""
    if not state.quiet and talks():
        typer.echo(spell(text), err=True)


def detail(text: str) -> None:
    """A line on stderr with --verbose only."""
    if state.verbose and not state.quiet and talks():
        typer.echo(text, err=True)


def complain(kind: str, text: str) -> None:
    """One line on stderr: the command, `kind` (error or warning) and the message."""
    program = f"cryotools {state.command}".rstrip()
    typer.echo(f"{program}: {kind}: {' '.join(spell(text).split())}", err=True)


def print_json(result: dict[str, Any]) -> None:
    """One JSON object on stdout; numbers that are not finite become null."""
    typer.echo(json.dumps(_finite(result), indent=None))


def progress() -> StreamProgress | NoProgress:
    """The progress reporter for long computations."""
    from cryotools.core.progress import NoProgress, StreamProgress

    return StreamProgress() if sys.stderr is not None and not state.quiet and talks() else NoProgress()


def set_threads(threads: int | None, *, classical: bool = False) -> int:
    """Set the number of threads before numpy is imported: the given number, SLURM's, or that of the usable processors,
    limited by the processor time granted to a container.

    By default `classical` methods use one thread: their matrices are small, so more threads only cost time.
    """
    if threads is None and classical:
        threads = 1
    elif threads is None:
        slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
        threads = int(slurm) if slurm.isdigit() and int(slurm) > 0 else _usable_processors()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)
    return threads


def _usable_processors() -> int:
    # only Linux reports which ones this process may use
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(there, cgroup.processors() or there)


def skip_existing(output: str, no_clobber: bool) -> bool:
    """True, with a note, if `output` already exists and --no-clobber was given."""
    if no_clobber and Path(output).exists():
        note(f"{output}: exists and is kept")
        return True
    return False


def check_map_output(output: str, preview: str | None, inputs: list[str | None]) -> None:
    """Reject, before any work, an output that cannot be a map file or a preview that cannot be drawn.

    Raises
    ------
    UsageError
        The output is standard output, lacks the suffix of a map, or is an input.
    """
    from cryotools.core.files.output import check_output

    if output == "-":
        raise UsageError("maps are binary and cannot go to standard output; name a file")
    stem = Path(output).name.lower().removesuffix(".gz").removesuffix(".bz2")
    if not stem.endswith((".mrc", ".map", ".ccp4")) and not output.startswith("/dev/"):
        raise UsageError(f"{output}: end the name in .mrc, .map or .ccp4 (.gz and .bz2 may follow)")
    check_output(output, [source for source in inputs if source and source != "-"])
    if preview:
        from cryotools.view.picture import check_can_draw

        check_can_draw(preview)


def label(text: str) -> str:
    """The provenance line for a map's header."""
    return f"cryotools {__version__} {state.command} {text}"[:80]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
