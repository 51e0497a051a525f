"""Examples on disk, mapped into memory: many versions of many maps cost the memory of the cubes that are cut from them.

Every process of a run, and every worker that makes batches, maps the same files, so that the system keeps one copy.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from cryotools.core.errors import DataError

Example = TypeVar("Example")
_FACTS = "facts.json"


class ExampleStore(Generic[Example]):
    """A folder of examples of one kind: a dataclass whose fields are arrays, numbers, strings and None.

    Without a folder, one beside the system's temporary files is used until the store is closed.
    """

    def __init__(self, kind: type[Example], folder: str | os.PathLike[str] | None = None) -> None:
        self.kind = kind
        self._own = None if folder else tempfile.TemporaryDirectory(prefix="cryotools-examples-")
        self.folder = Path(folder or self._own.name)

    def keep(self, name: str, make: Callable[[], Example]) -> Example:
        """The example `name`, made and written where it is not there yet, its arrays mapped read-only.

        Raises
        ------
        DataError
            The folder cannot be written, or holds something else under this name.
        """
        place = self.folder / name
        if not (place / _FACTS).exists():
            self._write(place, make())
        return self.load(name)

    def load(self, name: str) -> Example:
        """An example that is there.

        Raises
        ------
        DataError
            It is missing or damaged.
        """
        place = self.folder / name
        try:
            values: dict[str, Any] = json.loads((place / _FACTS).read_text(encoding="utf-8"))
            for field in dataclasses.fields(self.kind):
                if field.name not in values:
                    values[field.name] = _mapped(place / f"{field.name}.npy")
            return self.kind(**values)
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f"{place}: is damaged or of another kind ({error}); delete it and it will be made again"
            ) from error

    def close(self) -> None:
        """Remove the folder if it is the store's own."""
        if self._own:
            self._own.cleanup()

    def _write(self, place: Path, example: Example) -> None:
        """Write an example beside its place and rename it, so that it is there whole or not at all."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            beside = Path(tempfile.mkdtemp(dir=self.folder, prefix=f".{place.name}."))
            try:
                facts = {}
                for field in dataclasses.fields(self.kind):
                    value = getattr(example, field.name)
                    if isinstance(value, np.ndarray) and value.ndim:
                        np.save(beside / f"{field.name}.npy", value, allow_pickle=False)
                    else:
                        facts[field.name] = value.item() if isinstance(value, (np.ndarray, np.generic)) else value
                (beside / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
                _put(beside, place)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        except OSError as error:
            raise DataError(f"{place}: cannot be written: {error.strerror or error}") from error


def _put(beside: Path, place: Path) -> None:
    """Rename a finished folder into place; another process may have put the same there meanwhile."""
    try:
        beside.rename(place)
    except OSError:
        if not (place / _FACTS).exists():
            shutil.rmtree(place, ignore_errors=True)  # what a killed process left
            beside.rename(place)


def _mapped(file: Path) -> np.ndarray:
    array = np.load(file, mmap_mode="r", allow_pickle=False) if file.stat().st_size > 128 else None
    return np.load(file, allow_pickle=False) if array is None else array
