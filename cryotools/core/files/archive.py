"""Download deposited maps and models by id, once, into a folder; resume interrupted transfers, verify on every use.

The URL layout is that of files.wwpdb.org and its mirrors.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import time
import urllib.error
import urllib.request
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from cryotools import __version__
from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError
from cryotools.core.files.impostors import impostor
from cryotools.core.files.output import write_text

ARCHIVE = "https://files.wwpdb.org/pub"
_TIMEOUT = 30.0  # s without a byte
_CHUNK = 1 << 20
_PASSING = (408, 429, 500, 502, 503, 504)  # status codes of temporary server errors


class _TransferError(Exception):
    """A transfer that failed but may succeed if retried; the message says why."""


def emdb_id(text: str) -> str:
    """`EMD-3488` for EMD-3488, emd_3488 or 3488, and an empty string for anything else."""
    found = re.fullmatch(r"(?:emd[-_]?)?(\d{1,6})", text.strip().lower())
    return f"EMD-{found[1].zfill(4)}" if found else ""


def pdb_id(text: str) -> str:
    """`5ni1` for 5NI1 or pdb_00005ni1, and an empty string for anything else."""
    found = re.fullmatch(r"(?:pdb_0000)?([1-9][a-z0-9]{3})", text.strip().lower())
    return found[1] if found else ""


@dataclass
class Cache:
    """Downloaded files in `folder`, each with its SHA-256 in NAME.sha256 (readable by `sha256sum -c`).

    Attributes
    ----------
    archive : URL of the folder that contains `emdb/structures` and `pdb/data/structures`
    pauses : seconds to wait before each retry
    say : called with a message for each downloaded file

    Raises
    ------
    UsageError
        `archive` is not an http or https URL.
    """

    folder: Path
    archive: str = ARCHIVE
    pauses: tuple[float, ...] = (1.0, 2.0, 4.0)
    say: Callable[[str], None] = lambda _: None
    _is_down: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.archive)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ArgumentError("archive", self.archive, "give an address that begins with https:// or http://")
        self.archive = self.archive.rstrip("/")

    def map_file(self, accession: str) -> Path:
        """The map file of an EMDB entry; raises DataError if it cannot be obtained."""
        entry = emdb_id(accession)
        name = f"{entry.lower().replace('-', '_')}.map.gz"
        return self._get(name, f"emdb/structures/{entry}/map/{name}", entry)

    def model_file(self, accession: str) -> Path:
        """The mmCIF file of a PDB entry; raises DataError if it cannot be obtained."""
        entry = pdb_id(accession)
        name = f"{entry}.cif.gz"
        return self._get(name, f"pdb/data/structures/divided/mmCIF/{entry[1:3]}/{name}", f"PDB {entry.upper()}")

    def _get(self, name: str, place: str, entry: str) -> Path:
        path = self.folder / name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _one_process_at_a_time(path):
                if not _is_intact(path):
                    self._download(f"{self.archive}/{place}", path, entry)
        except OSError as error:  # a disk error: network errors are caught where they arise
            raise DataError(f"{path}: cannot be stored: {error.strerror or error}") from error
        return path

    def _download(self, address: str, path: Path, entry: str) -> None:
        part = path.with_name(f"{path.name}.part")
        for _ in range(2):  # a resumed file may start with an older version: retry once from scratch
            self._receive_all(address, part, entry)
            fault = _damage(part)
            if not fault:
                break
            part.unlink()
        else:
            raise DataError(f"{entry}: {address} {fault}; try again later, or use another `archive`")
        digest = _sha256(part)
        part.replace(path)
        _record(path, digest)
        self.say(f"{entry}: {path.stat().st_size / 1e6:.1f} MB downloaded to {path}")

    def _receive_all(self, address: str, part: Path, entry: str) -> None:
        # once the archive is unreachable, later entries are not retried, so a long list does not wait for each one
        pauses = () if self._is_down else self.pauses
        for pause in (*pauses, None):
            try:
                _receive(address, part)
            except _TransferError as error:
                if pause is not None:
                    time.sleep(pause)
                    continue
                self._is_down = True
                raise DataError(
                    f"{entry}: {urlsplit(address).netloc} did not deliver it ({error}); check the network, or run "
                    "on a machine that has one (a login node) with the same `cache`; what was downloaded is kept"
                ) from error
            except urllib.error.HTTPError as error:
                self._is_down = False
                if error.code in (404, 410):
                    advice = f"the archive has no such file ({address}); check the ID, and that the entry is released"
                else:
                    advice = f"{address} answers {error.code} {error.reason}; check `archive`"
                raise DataError(f"{entry}: {advice}") from error
            self._is_down = False
            return


def _receive(address: str, part: Path) -> None:
    """Append the missing bytes to `part`, or rewrite it if the server does not resume."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": f"cryotools/{__version__}"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # no bytes left: `part` is complete, or of another file
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return
            part.unlink()
            raise _TransferError("the partial file does not match") from error
        if error.code in _PASSING:
            raise _TransferError(f"{error.code} {error.reason}") from error
        raise
    except (OSError, HTTPException) as error:
        raise _TransferError(_said(error)) from error
    with response:
        start, total = _extent(response)
        if start not in (0, have):
            part.unlink()
            raise _TransferError("the server sent the wrong part of the file")
        with part.open("ab" if start else "wb") as stream:
            for chunk in _chunks(response):
                stream.write(chunk)
    size = part.stat().st_size
    if total is not None and size != total:
        if size > total:
            part.unlink()
        raise _TransferError(f"{size} of {total} bytes received")


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """The position of the first byte in the response, and the length of the whole file if given."""
    if response.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not found:
            return -1, None
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, HTTPException) as error:
            raise _TransferError(_said(error)) from error
        if not chunk:
            return
        yield chunk


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _is_intact(path: Path) -> bool:
    """Whether `path` exists as downloaded; a file put there by hand is accepted if it decompresses."""
    if not path.exists():
        return False
    beside = _beside(path)
    if beside.exists():
        same = beside.read_text(encoding="utf-8", errors="replace").split(" ")[0] == _sha256(path)
        fault = "" if same else f"has changed since it was downloaded (SHA-256 differs from {beside.name})"
    else:
        fault = _damage(path)
        if not fault:
            _record(path, _sha256(path))
    if not fault:
        return True
    warnings.warn(f"{path}: {fault}; downloading it again", CryotoolsWarning, stacklevel=4)
    return False


def _damage(path: Path) -> str:
    """The defect of a file that should be a complete gzip file, or an empty string."""
    with path.open("rb") as stream:
        start = stream.read(200)
    if not start.startswith(b"\x1f\x8b"):
        return f"is {impostor(start) or 'not a gzip file'}"
    try:
        with gzip.open(path) as unpacked:
            while unpacked.read(_CHUNK):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return "is a damaged gzip file"
    return ""


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _record(path: Path, digest: str) -> None:
    write_text(_beside(path), f"{digest}  {path.name}\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _one_process_at_a_time(path: Path) -> Iterator[None]:
    """Stop tasks of a job array writing the same file at once, if the file system supports locks."""
    with ExitStack() as held:
        with suppress(OSError, NotImplementedError):
            held.enter_context(FileLock(path.with_name(f".{path.name}.lock")))
        yield
