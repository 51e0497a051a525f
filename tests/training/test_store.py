"""Examples on disk: the same values, mapped and not read, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.training.store import ExampleStore, examples_of_run


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
        ExampleStore(Cube, tmp_path).load("one")


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


def _versions(count: int = 3):
    first = _cube()
    yield first
    for number in range(1, count):
        yield Cube("map-1", 3.5 + number, None, first.density, first.places + number)


def test_the_versions_of_a_map_come_back_in_order(tmp_path: Path) -> None:
    store = ExampleStore(Cube, tmp_path)
    store.keep_versions("map", _versions)
    versions = ExampleStore(Cube, tmp_path).versions("map")
    assert len(versions) == 3
    for kept, made in zip(versions, _versions(), strict=True):
        assert kept.resolution == made.resolution
        assert np.array_equal(kept.density, made.density)
        assert np.array_equal(kept.places, made.places)
    assert [one.resolution for one in versions.select([2, 0])] == [5.5, 3.5]


def test_what_versions_share_is_on_disk_once(tmp_path: Path) -> None:
    ExampleStore(Cube, tmp_path).keep_versions("map", _versions)
    inodes = {
        name: {path.stat().st_ino for path in tmp_path.glob(f"map/*/{name}.npy")} for name in ("density", "places")
    }
    assert {name: len(files) for name, files in inodes.items()} == {"density": 1, "places": 3}


def test_versions_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def fail():
        yield _cube()
        raise DataError("the second cannot be made")

    store = ExampleStore(Cube, tmp_path)
    with pytest.raises(DataError, match="the second"):
        store.keep_versions("map", fail)
    assert not list(tmp_path.iterdir())
    store.keep_versions("map", _versions)
    store.keep_versions("map", fail)  # is not asked


def test_more_maps_are_read_than_files_may_be_open(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    store = ExampleStore(Cube, tmp_path)
    store.fill({f"map{number}": lambda: _versions(2) for number in range(60)})
    kept = store.all(f"map{number}" for number in range(60))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 80, before[1]))
    try:
        assert sum(float(one.density[0, 0, 0]) for one in kept) == 120
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _run(folder: Path, end: BaseException | None, *, resume: bool = False, saved: bool = False) -> float:
    """A run that makes an example and ends in its own way."""
    with examples_of_run(folder, resume) as kept:
        made = ExampleStore(Cube, kept).keep("one", lambda: _cube(2.0 if resume else 1.0))
        if saved:
            (folder / "state.pt").write_bytes(b"a checkpoint")
        if end:
            raise end
    return float(made.density.max())


def test_the_examples_of_a_run_go_when_it_is_done_and_stay_when_it_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        _run(tmp_path / "run", DataError("before the first checkpoint"))
    assert not (tmp_path / "run").exists()
    with pytest.raises(SystemExit):
        _run(tmp_path / "run", SystemExit(143), saved=True)
    assert _run(tmp_path / "run", None, resume=True) == 1.0
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["state.pt"]


def test_a_new_run_uses_no_examples_that_an_older_one_left(tmp_path: Path) -> None:
    ExampleStore(Cube, tmp_path / "run/examples").keep("one", lambda: _cube(5.0))
    assert _run(tmp_path / "run", None) == 1.0
