"""Atomic output: a file is written completely or not at all, and never replaces an input by accident.

`atomic_path` provides a temporary file in the target's folder, syncs it and renames it to the target; inside
`output_set`, several files appear together or not at all. Temporary files left by a killed process are removed when the
same output is next written.
"""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path

from cryotools.core.errors import DataError, UsageError

_SUFFIX = ".cryotools-tmp"
_EARLIER = "-earlier"
_LEFTOVERS: ContextVar[dict[Path, list[str]] | None] = ContextVar(
    "temporary files by folder, in an output set", default=None
)
_WAITING: ContextVar[dict[Path, Path] | None] = ContextVar("temporary files by target, in an output set", default=None)


def check_output(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()) -> Path:
    """Check early that `path` can be written, without creating anything.

    Raises
    ------
    UsageError
        `path` is one of `inputs`, or a folder.
    DataError
        The folder of `path` does not exist or cannot be written.
    """
    target = Path(path)
    try:
        is_folder, folder = target.is_dir(), _resolved(target).parent
    except OSError as error:  # name too long, folder not accessible, circular links
        raise DataError(f"{target}: cannot be written: {error.strerror or error}") from error
    if is_folder:
        raise UsageError(f"{target}: is a folder; give the name of the file to write")
    if not folder.is_dir():
        raise DataError(f"{target}: the folder {folder} does not exist; create it first")
    writable = os.access(target, os.W_OK) if target.exists() else os.access(folder, os.W_OK)
    if not writable:
        raise DataError(f"{target}: no permission to write there; choose another output")
    for source in inputs:
        if target.exists() and Path(source).exists() and target.samefile(source):
            raise UsageError(f"{target}: is also the input; choose another output")
    return target


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it is renamed to `path`, on any failure it is removed.

    A device or pipe is written to directly, since it must not be replaced by a file.

    Raises
    ------
    DataError
        The operating system refused a write (no space left, read-only, quota).
    """
    with _one_line(Path(path)):
        target = _resolved(path)
        replaceable = not target.exists() or stat.S_ISREG(target.stat().st_mode)
        if replaceable:
            _remove_stale(target)
    if not replaceable:
        with _one_line(target):
            yield target
        return
    temporary = target.with_name(f"{_prefix(target)}{os.getpid()}{_SUFFIX}")
    try:
        with _one_line(target):
            yield temporary
            _sync(temporary)
            waiting = _WAITING.get()
            if waiting is not None:
                waiting[target] = temporary
                return
            temporary.replace(target)
            _sync_folder(target.parent)
    except BaseException:
        _unlink(temporary)
        raise


@contextlib.contextmanager
def output_set() -> Iterator[None]:
    """Files written in this context, by `atomic_path` and everything that uses it, appear together at the end, in the
    order of writing; if anything fails none of them appears, and the files of an earlier run are kept.

    Files of an earlier run are removed before the first new one appears, the last one first: if the last file exists,
    all are complete and from one run, even if the process was killed in between. Nested sets join the outer one.

    Raises
    ------
    DataError
        The operating system refused to move a file into place.
    """
    if _WAITING.get() is not None:
        yield
        return
    waiting: dict[Path, Path] = {}
    token, listed = _WAITING.set(waiting), _LEFTOVERS.set({})
    try:
        yield
        _appear(waiting)
    finally:
        _WAITING.reset(token)
        _LEFTOVERS.reset(listed)
        for temporary in waiting.values():
            _unlink(temporary)


def _appear(waiting: dict[Path, Path]) -> None:
    """Move all temporary files to their targets, or restore everything as it was."""
    earlier: dict[Path, Path] = {}
    placed: list[Path] = []
    try:
        for target, temporary in reversed(waiting.items()):
            if target.exists():
                kept = temporary.with_name(temporary.name.removesuffix(_SUFFIX) + _EARLIER + _SUFFIX)
                with _one_line(target):
                    target.replace(kept)
                earlier[target] = kept
        for target, temporary in waiting.items():
            with _one_line(target):
                temporary.replace(target)
            placed.append(target)
    except BaseException:
        for target in placed:
            _unlink(target)
        for target, kept in reversed(earlier.items()):
            with contextlib.suppress(OSError):
                kept.replace(target)
        raise
    for kept in earlier.values():
        _unlink(kept)
    for folder in {target.parent for target in waiting}:
        _sync_folder(folder)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file atomically (UTF-8), compressed if the name ends in `.gz` or `.bz2`."""
    content, suffix = text.encode(), Path(path).suffix
    if suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    elif suffix == ".bz2":
        content = bz2.compress(content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def _one_line(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror or error}; nothing was changed") from error


def _resolved(path: str | os.PathLike[str]) -> Path:
    with contextlib.suppress(RuntimeError):  # Python before 3.13 reports circular links this way
        resolved = Path(path).resolve()
        if not resolved.is_symlink():
            return resolved
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # folders on some network file systems cannot be synced
        _sync(folder)


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def check_prefix(prefix: str) -> None:
    """Check early that the names of several files can begin with `prefix`.

    Raises
    ------
    UsageError
        It has no file name, is standard output, or ends with the suffix of a map.
    """
    name = prefix.rsplit(os.sep, 1)[-1]
    if prefix == "-" or name in ("", ".", ".."):
        raise UsageError(f"{prefix}: not a valid prefix for file names; give one such as out or folder/out")
    if name.lower().endswith((".mrc", ".map", ".ccp4", ".gz", ".bz2")):
        raise UsageError(f"{prefix}: is a prefix for several files; leave out the suffix, as in {name.split('.')[0]}")


def _prefix(target: Path) -> str:
    """Prefix of the names of temporary files for `target`, short enough in any alphabet."""
    name = os.fsencode(target.name)[:150].decode(errors="ignore")
    return f".{name}.{socket.gethostname()[:60]}."


def _remove_stale(target: Path) -> None:
    """Remove temporary files for the same target left by dead processes of this machine."""
    prefix = _prefix(target)
    for name in _temporary_names(target.parent):
        process = name[len(prefix) : -len(_SUFFIX)].removesuffix(_EARLIER)
        if name.startswith(prefix) and process.isdigit() and not _is_running(int(process)):
            target.with_name(name).unlink(missing_ok=True)


def _temporary_names(folder: Path) -> list[str]:
    """The temporary files in a folder; in an output set, those that were there when it was first written to, since
    listing a folder for each of thousands of files takes longer than writing them.
    """
    listed = _LEFTOVERS.get()
    if listed is not None and folder in listed:
        return listed[folder]
    names = [path.name for path in folder.iterdir() if path.name.endswith(_SUFFIX)]
    if listed is not None:
        listed[folder] = names
    return names


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
