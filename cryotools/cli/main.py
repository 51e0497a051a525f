"""The program `cryotools`: its commands, and how every failure becomes one line and an exit code.

0 success; 1 bad data or a failed run; 2 usage error; 130 and 143 after SIGINT and SIGTERM.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import warnings
from types import FrameType
from typing import Annotated

import typer

from cryotools import __version__
from cryotools.cli.console import complain, reset_state, state
from cryotools.cli.registry import Program
from cryotools.core.errors import ArgumentError, CryotoolsError, CryotoolsNote, CryotoolsWarning
from cryotools.core.processes import talks

app = typer.Typer(
    cls=Program,
    help="Atomic models and cryo-EM density maps, connected by learned models.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"cryotools {__version__} (Python {sys.version.split()[0]}, torch {version('torch')}, {sys.prefix})")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Print the versions and exit."),
    ] = False,
) -> None:
    state.command = context.invoked_subcommand or ""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` default to those of the command line."""
    reset_state()
    signal.signal(signal.SIGTERM, _terminated)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Å still shows the rest
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("once", CryotoolsWarning)
        warnings.simplefilter("once", CryotoolsNote)
        warnings.showwarning = _show_warning
        try:
            result = app(arguments, prog_name="cryotools", standalone_mode=False)
            _flush()
            return result if isinstance(result, int) else 0
        except BrokenPipeError:
            # the reader of our output has gone; leave the interpreter nothing to flush into the closed pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except SystemExit as leaving:
            if leaving.code != 1:  # typer exits with 1 on a closed pipe
                raise
            return 0
        except (KeyboardInterrupt, typer.Abort):
            complain("error", "interrupted")
            return 130
        except Exception as error:
            if state.debug:
                raise
            return _report(error)


def _report(error: Exception) -> int:
    """Print a one-line error message; returns the exit code."""
    if isinstance(error, CryotoolsError):
        grammar = isinstance(error, ArgumentError) and error.name == "selection"
        complain("error", f"{error}; see `cryotools {state.command} --help`" if grammar else str(error))
        return error.exit_code
    if isinstance(error, typer.TyperException):
        message = error.format_message().rstrip(".").replace("Value error, ", "")
        if not message:  # the help was shown instead of an error
            return error.exit_code
        complain("error", f"{message}; see `cryotools {state.command}{' ' if state.command else ''}--help`")
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        complain("error", f"{error.filename or 'system error'}: {error.strerror}")
        return 1
    if isinstance(error, MemoryError):
        complain("error", f"out of memory ({error}); use a smaller box or larger voxels")
        return 1
    complain("error", f"{type(error).__name__}: {error} (unexpected error; rerun with --debug)")
    return 1


def _flush() -> None:
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def _terminated(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    # Python's own record of shown warnings is cleared whenever filters change
    if str(message) in state.warned or not talks():
        return
    state.warned.add(str(message))
    if not isinstance(message, CryotoolsNote):
        complain("warning", str(message))
    elif not state.quiet:
        complain("note", str(message))
