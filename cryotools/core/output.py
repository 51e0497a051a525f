"""Atomic output: a file appears whole or not at all, and never replaces an input by accident.

`atomic_path` hands out a temporary file in the target's folder, syncs it and renames it over the target. A
temporary file left by a killed process is removed when the same output is next written.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryotools.core.errors import DataError, UsageError

_SUFFIX = ".cryotools-tmp"


def check_output(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()) -> Path:
    """Say early whether `path` can be written; nothing is created.

    Raises
    ------
    UsageError
        `path` is one of `inputs`, or a folder.
    DataError
        The folder of `path` does not exist or cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{target}: is a folder; give the name of the file to write")
    folder = target.resolve().parent
    if not folder.is_dir():
        raise DataError(f"{target}: the folder {folder} does not exist; create it first")
    writable = os.access(target, os.W_OK) if target.exists() else os.access(folder, os.W_OK)
    if not writable:
        raise DataError(f"{target}: no permission to write here; choose another output")
    for source in inputs:
        if target.exists() and Path(source).exists() and target.samefile(source):
            raise UsageError(f"{target}: is the input as well; choose another output")
    return target


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to; on success it becomes `path`, on any failure it is removed.

    A target that is a device or a pipe is written to directly, since it must not be replaced by a file.

    Raises
    ------
    DataError
        The operating system refused a write (no space left, read-only, quota).
    """
    target = Path(path).resolve()
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        with _one_line(target):
            yield target
        return
    _remove_stale(target)
    temporary = target.with_name(f".{target.name[:150]}.{socket.gethostname()[:60]}.{os.getpid()}{_SUFFIX}")
    try:
        with _one_line(target):
            yield temporary
            _sync(temporary)
            temporary.replace(target)
            _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file atomically (UTF-8)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _one_line(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror or error}; nothing was changed") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_stale(target: Path) -> None:
    """Remove temporary files that dead processes of this machine left for the same target."""
    prefix = f".{target.name[:150]}.{socket.gethostname()[:60]}."
    for leftover in target.parent.iterdir():
        if not (leftover.name.startswith(prefix) and leftover.name.endswith(_SUFFIX)):
            continue
        process = leftover.name[len(prefix) : -len(_SUFFIX)]
        if process.isdigit() and not _is_running(int(process)):
            leftover.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
