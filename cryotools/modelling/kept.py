"""Results of the stages of a build in a folder, so that an interrupted one goes on where it was.

Each result is a file whose name holds a digest of all that it depends on: another map, sequence or network never meets
it. A file has the arrays and values of plain dataclasses and the warnings that were given; nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cryotools import __version__
from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError
from cryotools.core.files.output import atomic_path

_WARNINGS = {kind.__name__: kind for kind in (CryotoolsNote, CryotoolsWarning)}


class KeptStages:
    """A folder of results, made if it does not exist; None keeps nothing.

    Raises
    ------
    DataError
        The folder cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DataError(f"{folder}: cannot be made a folder for results ({error.strerror})") from error

    def of(self, stage: str, facts: Iterable[Any], kinds: Sequence[type], make: Callable[[], list[Any]]) -> list[Any]:
        """The results of a stage, dataclasses of these `kinds` whose fields are arrays, numbers, texts or None: those
        kept for the same `facts` (which `content_digest` takes), or what `make` returns. Warnings are given either way.
        """
        if self.folder is None:
            return make()
        path = self.folder / f"{stage}-{content_digest([__version__, stage, *facts])}.npz"
        if (found := _read(path, kinds)) is None:
            with warnings.catch_warnings(record=True) as given:
                warnings.simplefilter("always")
                found = make(), [(_kind(one.category), str(one.message)) for one in given]
            _write(path, *found)
        results, told = found
        for kind, text in told:
            warnings.warn(text, _WARNINGS[kind], stacklevel=2)
        return results


def content_digest(facts: Any) -> str:
    """Sixteen characters that identify arrays, numbers, texts, and dataclasses, sequences and mappings of them."""
    whole = hashlib.sha256()
    _feed(whole, facts)
    return whole.hexdigest()[:16]


def _kind(category: type[Warning]) -> str:
    """The name of a kind of warning, which others than ours are taken for."""
    return category.__name__ if category.__name__ in _WARNINGS else CryotoolsWarning.__name__


def _feed(whole: Any, fact: Any) -> None:
    if isinstance(fact, np.ndarray):
        whole.update(f"{fact.dtype.str}{fact.shape}".encode())
        whole.update(np.ascontiguousarray(fact).tobytes())
    elif is_dataclass(fact):
        _feed(whole, {one.name: getattr(fact, one.name) for one in fields(fact)})
    elif isinstance(fact, dict):
        whole.update(b"{")
        _feed(whole, [part for item in fact.items() for part in item])
    elif isinstance(fact, list | tuple):
        whole.update(f"[{len(fact)}".encode())
        for one in fact:
            _feed(whole, one)
    else:
        whole.update(f"{type(fact).__name__}:{fact!r};".encode())


def _write(path: Path, results: Sequence[Any], told: Sequence[tuple[str, str]]) -> None:
    arrays = {"kinds": np.array([type(one).__name__ for one in results], dtype=np.str_)}
    arrays["warnings"] = np.array(told, dtype=np.str_).reshape(-1, 2)
    for number, one in enumerate(results):
        values = {field.name: getattr(one, field.name) for field in fields(one)}
        arrays |= {f"{number}.{name}": np.asarray(value) for name, value in values.items() if value is not None}
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # names of arrays, not options


def _read(path: Path, kinds: Sequence[type]) -> tuple[list[Any], list[tuple[str, str]]] | None:
    """What a file holds; None if there is none, or it is damaged."""
    known = {kind.__name__: kind for kind in kinds}
    try:
        with path.open("rb") as stream, np.load(stream) as stored:
            results = [
                _result(known[name], stored, f"{number}.") for number, name in enumerate(stored["kinds"].tolist())
            ]
            return results, [(kind, text) for kind, text in stored["warnings"].tolist()]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _result(kind: Any, stored: Any, prefix: str) -> Any:
    values = {}
    for field in fields(kind):
        name = prefix + field.name
        value = stored[name] if name in stored.files else None
        values[field.name] = value.item() if value is not None and not value.ndim else value
    return kind(**values)
