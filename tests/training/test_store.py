"""Examples on disk: the same values, mapped and not read, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.training.store import ExampleStore


@dataclass(frozen=True)
class Cube:
    """What a network learns from."""

    id: str
    resolution: float
    fold: int | None
    density: np.ndarray
    places: np.ndarray


def _cube(fill: float = 1.0, places: int = 4) -> Cube:
    density = np.full((2, 5, 6), fill, dtype=np.float16)
    return Cube("map-1", 3.5, None, density, np.arange(places * 3, dtype=np.int32).reshape(places, 3))


def test_an_example_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = ExampleStore(Cube, tmp_path).keep("one", _cube)
    assert (kept.id, kept.resolution, kept.fold) == ("map-1", 3.5, None)
    assert np.array_equal(kept.density, _cube().density)
    assert kept.density.dtype == np.float16
    assert np.array_equal(kept.places, _cube().places)


def test_arrays_are_mapped_and_cannot_be_changed(tmp_path: Path) -> None:
    kept = ExampleStore(Cube, tmp_path).keep("one", _cube)
    assert isinstance(kept.density, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        kept.density[0] = 0


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    ExampleStore(Cube, tmp_path).keep("one", lambda: _cube(1.0))
    assert ExampleStore(Cube, tmp_path).keep("one", lambda: _cube(2.0)).density.max() == 1.0


def test_an_example_without_places_is_kept(tmp_path: Path) -> None:
    assert ExampleStore(Cube, tmp_path).keep("none", lambda: _cube(places=0)).places.shape == (0, 3)


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> Cube:
        raise DataError("no density")

    with pytest.raises(DataError, match="no density"):
        ExampleStore(Cube, tmp_path).keep("one", fail)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "density.npy").write_bytes(b"half")
    assert ExampleStore(Cube, tmp_path).keep("one", _cube).density.shape == (2, 5, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_damaged_example_is_named(tmp_path: Path) -> None:
    store = ExampleStore(Cube, tmp_path)
    store.keep("one", _cube)
    (tmp_path / "one" / "density.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"one: is damaged .* delete it"):
        store.load("one")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        ExampleStore(Cube, tmp_path / "file").keep("one", _cube)


def test_a_store_without_a_folder_removes_its_own() -> None:
    store = ExampleStore(Cube)
    store.keep("one", _cube)
    assert store.folder.exists()
    store.close()
    assert not store.folder.exists()
