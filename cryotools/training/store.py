"""Examples on disk, mapped into memory: many versions of many maps need only the memory of the cubes cut from them.

Every process of a run, and every worker that makes batches, maps the same files, so that the system keeps one copy.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.processes import own_work
from cryotools.core.progress import NoProgress, Progress
from cryotools.training import distributed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Example = TypeVar("Example", bound="DataclassInstance")
_FACTS = "facts.json"
_VERSIONS = "versions"
_OPEN = 32  # examples that stay mapped; each of their arrays keeps a file open


class ExampleStore(Generic[Example]):
    """A folder of examples of one kind: a dataclass whose fields are arrays, numbers, strings and None.

    Without a folder, a temporary one is used until the store is closed or garbage-collected.
    """

    def __init__(self, kind: type[Example], folder: str | os.PathLike[str] | None = None) -> None:
        self.kind = kind
        self.folder = Path(folder or tempfile.mkdtemp(prefix="cryotools-examples-"))
        self._own = None if folder else weakref.finalize(self, _remove, self.folder, os.getpid())
        self._open: dict[str, Example] = {}

    def keep(self, name: str, make: Callable[[], Example]) -> Example:
        """The example `name`, made and written if missing, its arrays mapped read-only.

        Raises
        ------
        DataError
            The folder cannot be written, or contains something else under this name.
        """
        place = self.folder / name
        if not (place / _FACTS).exists():
            self._whole(place, lambda beside: _write(beside, make()))
        return self.load(name)

    def keep_versions(self, name: str, make: Callable[[], Iterable[Example]]) -> None:
        """Make and write the versions of one map, all or none, if missing; arrays that later versions share with the
        first are stored once. Raises as `keep` does.
        """
        if not (self.folder / name / _FACTS).exists():
            self._whole(self.folder / name, lambda beside: _write_versions(beside, make()))

    def fill(
        self, makers: Mapping[str, Callable[[], Iterable[Example]]], progress: Progress | None = None, what: str = ""
    ) -> None:
        """`keep_versions` for each name, by all processes of torchrun together if they share the folder; a failure in
        one stops all.
        """
        mine = list(makers) if self._own else distributed.share(list(makers))
        progress = progress if progress and distributed.is_first() else NoProgress()
        progress.start(len(mine), what)

        def work() -> None:
            with own_work():
                for name in mine:
                    self.keep_versions(name, makers[name])
                    progress.advance()

        distributed.on_each(work)

    def versions(self, name: str) -> Kept[Example]:
        """The stored versions of a map.

        Raises
        ------
        DataError
            They are missing or damaged.
        """
        count = _facts(self.folder / name).get(_VERSIONS, 0)
        return Kept(self, [f"{name}/{number}" for number in range(int(count))])

    def all(self, names: Iterable[str]) -> Kept[Example]:
        """All stored versions of several maps, one after the other. Raises as `versions` does."""
        return Kept(self, [one for name in names for one in self.versions(name).names])

    def load(self, name: str) -> Example:
        """A stored example.

        Raises
        ------
        DataError
            It is missing or damaged.
        """
        example = self._open.pop(name, None) or self._read(self.folder / name)
        self._open[name] = example  # at the end, so that it is dropped last
        if len(self._open) > _OPEN:
            del self._open[next(iter(self._open))]
        return example

    def close(self) -> None:
        """Remove the folder if it is the store's own."""
        self._open.clear()
        if self._own:
            self._own()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_open": {}, "_own": None}

    def _read(self, place: Path) -> Example:
        values = _facts(place)
        try:
            for field in dataclasses.fields(self.kind):
                if field.name not in values:
                    values[field.name] = _mapped(place / f"{field.name}.npy")
            return self.kind(**values)
        except (OSError, ValueError, TypeError) as error:
            raise _damaged(place, error) from error

    def _whole(self, place: Path, write: Callable[[Path], object]) -> None:
        """Let `write` fill a folder next to `place` and rename it, so that it is complete or absent."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            beside = Path(tempfile.mkdtemp(dir=self.folder, prefix=f".{place.name}."))
            try:
                write(beside)
                _put(beside, place)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        except OSError as error:
            raise DataError(f"{place}: cannot be written: {error.strerror or error}") from error


class Kept(Sequence[Example]):
    """Examples of a store by number, each mapped on access."""

    def __init__(self, store: ExampleStore[Example], names: Sequence[str]) -> None:
        self.store, self.names = store, names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> Example:  # type: ignore[override] # one by one, no slices
        return self.store.load(self.names[number])

    def select(self, numbers: Iterable[int]) -> Kept[Example]:
        """The examples with these numbers."""
        return Kept(self.store, [self.names[number] for number in numbers])


@contextmanager
def examples_of_run(folder: Path, resume: bool) -> Iterator[Path]:
    """The folder for a run's examples, inside the run's own: emptied at the start of a new run, removed when the run is
    done, and kept for reuse if the run is interrupted after a checkpoint.
    """
    place = folder / "examples"
    if not resume:
        distributed.on_first(shutil.rmtree, place, True)
    try:
        yield place
    except BaseException:
        if distributed.is_first() and not (folder / "state.pt").exists():
            shutil.rmtree(place, ignore_errors=True)
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise
    distributed.on_first(shutil.rmtree, place, True)


def _write(place: Path, example: Any, shared: Mapping[int, Path] | None = None) -> dict[int, Path]:
    """Write an example's fields into a folder; returns array files by array id. Arrays in `shared` are hard-linked."""
    facts, files = {}, {}
    for field in dataclasses.fields(example):
        value = getattr(example, field.name)
        if isinstance(value, np.ndarray) and value.ndim:
            files[id(value)] = place / f"{field.name}.npy"
            if not _linked((shared or {}).get(id(value)), files[id(value)]):
                np.save(files[id(value)], value, allow_pickle=False)
        else:
            facts[field.name] = value.item() if isinstance(value, (np.ndarray, np.generic)) else value
    (place / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
    return files


def _write_versions(place: Path, examples: Iterable[Any]) -> None:
    first, files, count = None, {}, 0
    for count, example in enumerate(examples, start=1):
        at = place / str(count - 1)
        at.mkdir()
        if first is None:  # kept alive while its arrays' ids are compared
            first, files = example, _write(at, example)
        else:
            _write(at, example, files)
    (place / _FACTS).write_text(json.dumps({_VERSIONS: count}), encoding="utf-8")


def _linked(there: Path | None, here: Path) -> bool:
    """Hard-link `here` to the file `there`; returns whether it worked, as some file systems lack hard links."""
    try:
        if there is not None:
            here.hardlink_to(there)
        return there is not None
    except OSError:
        return False


def _put(beside: Path, place: Path) -> None:
    """Rename a finished folder into place; another process may have put the same one there in the meantime."""
    try:
        beside.rename(place)
    except OSError:
        if not (place / _FACTS).exists():
            shutil.rmtree(place, ignore_errors=True)  # left by a killed process
            beside.rename(place)


def _facts(place: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((place / _FACTS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(place, error) from error


def _damaged(place: Path, error: Exception) -> DataError:
    return DataError(f"{place}: is damaged or of another kind ({error}); delete it and it will be made again")


def _mapped(file: Path) -> np.ndarray:
    array = np.load(file, mmap_mode="r", allow_pickle=False) if file.stat().st_size > 128 else None
    return np.load(file, allow_pickle=False) if array is None else array


def _remove(folder: Path, owner: int) -> None:
    """Remove a folder that this process made; a process forked from it must not."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
