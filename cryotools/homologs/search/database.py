"""The chains to search: those of a folder of structures, kept for the next time, or of a FASTA file."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryotools.core.errors import CryotoolsError, CryotoolsNote, CryotoolsWarning, DataError
from cryotools.core.files.output import write_text
from cryotools.core.files.table import csv_text, read_table
from cryotools.core.progress import NoProgress, Progress
from cryotools.core.structures.fasta import looks_nucleic, read_fasta
from cryotools.core.structures.structurelist import is_structure, stem
from cryotools.homologs.search.chains import SHORTEST, read_chains, without_copies
from cryotools.homologs.search.hits import TABLE
from cryotools.homologs.search.queries import known_letters

_COLUMNS = ("file", "size", "mtime_ns", "chain", "letters", "fault")
_VERSION = 1  # of what is kept; goes up when sequences are extracted in another way


@dataclass(frozen=True)
class KnownChain:
    """A chain of the database.

    Attributes
    ----------
    name : of the sequence, for tables
    letters : its sequence
    path : its structure file; None if there is none
    chain : its name there; empty if only the sequence can tell
    """

    name: str
    letters: str
    path: Path | None = None
    chain: str = ""


@dataclass(frozen=True)
class ChainDatabase:
    """The chains of a database, and what is wrong with the files that had to be left out."""

    name: str
    chains: tuple[KnownChain, ...]
    faults: tuple[str, ...] = field(default=())


def open_database(
    source: str | os.PathLike[str],
    cache: Path | None = None,
    reporter: Progress | None = None,
) -> ChainDatabase:
    """The protein chains of a folder of structures (and the folders in it), or of a FASTA file.

    The sequences of a folder are those of the residues with coordinates. Of chains that are copies of each other in a
    file, one is taken. They are kept in the folder `cache`, and a file is read again when its size or time changes.
    Sequences of a FASTA file belong to structures beside it if they are named after them, NAME_CHAIN or NAME.

    Files that cannot be read are left out, with a warning that counts them.

    Raises
    ------
    DataError
        There is no such file or folder, or no protein in it.
    """
    path = Path(source)
    if path.is_dir():
        found = _folder(path, cache, reporter or NoProgress())
    elif not path.exists():
        raise DataError(f"{path}: no such file or folder")
    elif is_structure(path):
        raise DataError(f"{path}: is a structure; give the folder that it lies in, or a FASTA file")
    else:
        found = ChainDatabase(str(path), tuple(_records(path)))
    if found.faults:
        more = f", and {len(found.faults) - 1} others" if len(found.faults) > 1 else ""
        warnings.warn(f"left out of the database: {found.faults[0]}{more}", CryotoolsWarning, stacklevel=2)
    if not found.chains:
        raise DataError(f"{path}: has no protein of at least {SHORTEST} residues to search")
    return found


def default_cache() -> Path | None:
    """The folder of this user for what can be made again; None if there is no home.

    It is that of the variable CRYOTOOLS_CACHE if this is set.
    """
    if chosen := os.environ.get("CRYOTOOLS_CACHE"):
        return Path(chosen)
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        return base / "cryotools"
    with suppress(RuntimeError):
        return Path.home() / ".cache" / "cryotools"
    return None


@dataclass(frozen=True)
class _Extracted:
    """What is known of a file of this size and time: its chains, or what is wrong with it."""

    size: int
    mtime_ns: int
    chains: dict[str, str]
    fault: str = ""


def _folder(folder: Path, cache: Path | None, reporter: Progress) -> ChainDatabase:
    files = sorted(path for path in folder.rglob("*") if is_structure(path) and not path.name.startswith("."))
    results = {place for place in {path.parent for path in files} if (place / TABLE).exists()}
    files = [path for path in files if path.parent not in results]  # else what was found is found again
    if not files:
        raise DataError(f"{folder}: has no structures (files ending in .pdb, .ent, .cif or .mmcif, or these in .gz)")
    store = None if cache is None else cache / f"sequences-{_VERSION}-{_digest(folder)}.csv.gz"
    kept = _read_store(store)
    known: dict[str, _Extracted] = {}
    reporter.start(len(files), "files of the database")
    is_new = False
    try:
        for path in files:
            name = path.relative_to(folder).as_posix()
            known[name] = _extracted(path, kept.get(name))
            is_new = is_new or known[name] is not kept.get(name)
            reporter.advance()
    finally:  # what was read is kept even if the rest is not
        if store is not None and is_new:
            _write_store(store, {**kept, **known} if len(known) < len(files) else known)
    chains = tuple(
        KnownChain(f"{name}:{chain}", letters, folder / name, chain)
        for name, one in known.items()
        for chain, letters in one.chains.items()
    )
    return ChainDatabase(str(folder), chains, tuple(one.fault for one in known.values() if one.fault))


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def _extracted(path: Path, kept: _Extracted | None) -> _Extracted:
    try:
        about = path.stat()
    except OSError as error:
        return _Extracted(0, 0, {}, f"{path}: {error.strerror or error}")
    if kept is not None and (kept.size, kept.mtime_ns) == (about.st_size, about.st_mtime_ns):
        return kept
    try:
        chains, fault = without_copies(read_chains(path)), ""
    except CryotoolsError as error:
        chains, fault = {}, str(error)
    return _Extracted(about.st_size, about.st_mtime_ns, chains, fault)


def _read_store(store: Path | None) -> dict[str, _Extracted]:
    """What is kept of an earlier time; nothing if it is damaged."""
    known: dict[str, _Extracted] = {}
    if store is None or not store.exists():
        return known
    try:
        for row in read_table(store, _COLUMNS):
            values = row.values
            one = _Extracted(int(values["size"]), int(values["mtime_ns"]), {}, values["fault"])
            one = known.setdefault(values["file"], one)
            if values["letters"]:
                one.chains[values["chain"].removeprefix("'")] = values["letters"]
    except (DataError, ValueError):
        return {}
    return known


def _write_store(store: Path, known: dict[str, _Extracted]) -> None:
    rows = [
        {
            "file": name,
            "size": one.size,
            "mtime_ns": one.mtime_ns,
            "chain": f"'{chain}",  # a name may be blank
            "letters": letters,
            "fault": one.fault,
        }
        for name, one in known.items()
        for chain, letters in (one.chains or {"": ""}).items()
    ]
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        write_text(store, csv_text(_COLUMNS, rows))
    except (OSError, DataError) as error:
        said = getattr(error, "strerror", None) or str(error)
        warnings.warn(f"the sequences are not kept for the next time: {said}", CryotoolsNote, stacklevel=2)


def _records(path: Path) -> Iterator[KnownChain]:
    """The proteins of a FASTA file, with the structures beside it that they are named after."""
    beside: dict[str, Path] = {}
    for file in sorted(path.parent.iterdir()):
        if is_structure(file):
            beside.setdefault(file.name, file)
            beside.setdefault(stem(file).lower(), file)
    for name, text in read_fasta(path).items():
        letters = known_letters(text.replace("-", "").replace(".", ""))
        if len(letters) < SHORTEST or looks_nucleic(letters):
            continue
        yield KnownChain(name, letters, *_structure_of(name, beside))


def _structure_of(name: str, beside: dict[str, Path]) -> tuple[Path | None, str]:
    for whole, chain in ((name, ""), *_divided(name)):
        if file := beside.get(whole) or beside.get(whole.lower()):
            return file, chain
    return None, name_parts(name)[1]


def name_parts(name: str) -> tuple[str, str]:
    """The name of an entry and of a chain in that of a sequence, such as 1abc_A, 1ABC:A or 1ABC|A."""
    divided: Sequence[tuple[str, str]] = list(_divided(name))
    return divided[0] if divided else (name, "")


def _divided(name: str) -> Iterator[tuple[str, str]]:
    """The ways to read a name as that of a file and a chain, the longest file name first."""
    for mark in reversed(list(re.finditer(r"[_:|]", name))):
        yield name[: mark.start()], name[mark.end() :]
