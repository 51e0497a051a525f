"""Output appears whole or not at all, never replaces an input, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from cryotools.core.errors import DataError, UsageError
from cryotools.core.files.bytestream import open_bytes
from cryotools.core.files.output import atomic_path, check_output, output_set, write_text

FOREVER = """
import sys
from cryotools.core.files.output import atomic_path
print("ready", flush=True)
while True:
    for letter in (b"a", b"b"):
        with atomic_path(sys.argv[1]) as temporary, temporary.open("wb") as stream:
            for _ in range(64):
                stream.write(letter * 100_000)
"""


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.parent == tmp_path
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]
    assert target.read_text() == "whole"


def _write_half(target: Path, error: type[BaseException]) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(error):
        _write_half(target, error)
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]
    assert target.read_text() == "old"


@pytest.mark.slow
def test_a_killed_writer_leaves_the_old_or_the_new_file_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    whole = {letter * 6_400_000 for letter in (b"a", b"b")}
    left_behind = 0
    for delay in (0.0, 0.013, 0.029, 0.041, 0.067, 0.083):
        with subprocess.Popen([sys.executable, "-c", FOREVER, target], stdout=subprocess.PIPE) as writer:
            assert writer.stdout.readline() == b"ready\n"
            while not target.exists():
                time.sleep(0.002)
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
        assert target.read_bytes() in whole
        left_behind += sum(p != target for p in tmp_path.iterdir())
    assert left_behind
    write_text(target, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["out.bin"]


def test_a_temporary_file_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with atomic_path(target) as ours:
        ours.write_text("ours")
        theirs = Path(str(ours).replace(f".{os.getpid()}.", f".{os.getppid()}."))
        theirs.write_text("theirs")
    write_text(target, "again")
    assert theirs.read_text() == "theirs"


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="/dev/full: cannot be written: No space left on device; nothing was changed"):
        write_text("/dev/full", "text" * 10_000)
    assert Path("/dev/full").is_char_device()


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_text("/dev/null", "text")
    assert Path("/dev/null").is_char_device()


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"the folder {tmp_path}/gone does not exist; create it first"):
        check_output(tmp_path / "gone" / "out.mrc")
    with pytest.raises(DataError, match="cannot be written: No such file or directory; nothing was changed"):
        write_text(tmp_path / "gone" / "out.mrc", "text")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="does not exist; create it first"):
        check_output(tmp_path / "file" / "out.mrc")
    with pytest.raises(DataError, match="Not a directory"):
        write_text(tmp_path / "file" / "out.mrc", "text")


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; give the name of the file to write"):
        check_output(tmp_path)


@pytest.mark.parametrize("how", ["same name", "link", "hard link", "another spelling"])
def test_an_input_is_no_output(tmp_path: Path, how: str) -> None:
    source, other = tmp_path / "in.mrc", tmp_path / "other.mrc"
    source.write_text("data")
    if how == "link":
        other.symlink_to(source)
    elif how == "hard link":
        other.hardlink_to(source)
    target = {"same name": source, "another spelling": tmp_path / "." / ".." / tmp_path.name / "in.mrc"}.get(how, other)
    with pytest.raises(UsageError, match="is also the input; choose another output"):
        check_output(target, ["missing.mrc", source])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="no permission to write there; choose another output"):
        check_output(tmp_path / "out.mrc")


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "real.txt", tmp_path / "link.txt"
    link.symlink_to(target)
    for text in ("first", "second"):
        check_output(link)
        write_text(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert [p.name for p in target.parent.iterdir()] == ["real.txt"]


def test_links_in_a_circle_are_one_line(tmp_path: Path) -> None:
    loop = tmp_path / "loop.mrc"
    loop.symlink_to(loop)
    for write in (check_output, lambda path: write_text(path, "text")):
        with pytest.raises(DataError, match="cannot be written: Too many levels of symbolic links"):
            write(loop)


@pytest.mark.parametrize("name", ["ä" * 125 + ".txt", "日本" * 40, "n" * 255, " a b ", "-x", "new\nline"])
def test_names_may_be_long_and_of_any_alphabet(tmp_path: Path, name: str) -> None:
    for text in ("first", "second"):
        write_text(tmp_path / name, text)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_name_too_long_for_the_system_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written: File name too long"):
        check_output(tmp_path / ("n" * 256))
    with pytest.raises(DataError, match="cannot be written: File name too long"):
        write_text(tmp_path / ("n" * 256), "text")


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_files_of_a_set_appear_together(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("old")
    with output_set():
        for name in "abc":
            write_text(tmp_path / name, f"new {name}")
            assert {name: text for name, text in _texts(tmp_path).items() if name[0] != "."} == {"b": "old"}
    assert _texts(tmp_path) == {name: f"new {name}" for name in "abc"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_set_that_fails_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "b").write_text("old")

    def run() -> None:
        with output_set():
            write_text(tmp_path / "a", "new")
            write_text(tmp_path / "b", "new")
            _write_half(tmp_path / "c", error)

    with pytest.raises(error):
        run()
    assert _texts(tmp_path) == {"b": "old"}
    write_text(tmp_path / "a", "alone")  # nothing waits any more
    assert _texts(tmp_path) == {"a": "alone", "b": "old"}


@pytest.mark.parametrize("fails_at", range(5))
def test_a_file_that_cannot_take_its_place_puts_all_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    """Two files are moved away and three put in place; any of the five moves may be refused."""
    for name in "ac":
        (tmp_path / name).write_text(f"old {name}")
    moves, replace = [], Path.replace

    def refusing(self: Path, target: Path) -> Path:
        moves.append(target)
        if len(moves) == fails_at + 1:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    def run() -> None:
        with output_set():
            for name in "abc":
                write_text(tmp_path / name, "new")

    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(DataError, match="No space left on device; nothing was changed"):
        run()
    assert _texts(tmp_path) == {"a": "old a", "c": "old c"}


def test_the_last_file_of_an_earlier_run_goes_first_and_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (tmp_path / name).write_text("old")
    seen, replace = [], Path.replace

    def watching(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        seen.append({name: text for name, text in _texts(tmp_path).items() if name[0] != "."})
        return moved

    monkeypatch.setattr(Path, "replace", watching)
    with output_set():
        for name in "abc":
            write_text(tmp_path / name, "new")
    assert all(len(set(state.values())) == 1 for state in seen if "c" in state)
    assert "c" not in seen[0]
    assert "c" not in seen[-2]
    assert set(seen[-1].values()) == {"new"}


def test_a_set_within_a_set_is_part_of_it(tmp_path: Path) -> None:
    def run() -> None:
        with output_set():
            with output_set():
                write_text(tmp_path / "a", "new")
            assert not (tmp_path / "a").exists()
            write_text(tmp_path / "b", "new")
            raise KeyError("b")

    with pytest.raises(KeyError, match="b"):
        run()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("together", [output_set, nullcontext])
def test_what_a_killed_set_leaves_is_cleaned_up(tmp_path: Path, together: Callable[[], Any]) -> None:
    program = """
import os, sys
from pathlib import Path
from typing import Any
from cryotools.core.files.output import output_set, write_text
moved, replace = [], Path.replace
def dying(self, target):
    moved.append(target)
    if len(moved) == 4:
        os.kill(os.getpid(), 9)
    return replace(self, target)
Path.replace = dying
with output_set():
    for name in "abc":
        write_text(Path(sys.argv[1]) / name, "new")
"""
    for name in "abc":
        (tmp_path / name).write_text("old")
    assert subprocess.run([sys.executable, "-c", program, tmp_path], check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "c").exists()
    assert len(list(tmp_path.iterdir())) == 6
    with together():
        for name in "abc":
            write_text(tmp_path / name, "again")
    assert _texts(tmp_path) == dict.fromkeys("abc", "again")


def test_a_file_written_twice_in_a_set_is_the_second(tmp_path: Path) -> None:
    with output_set():
        write_text(tmp_path / "a", "first")
        write_text(tmp_path / "a", "second")
    assert _texts(tmp_path) == {"a": "second"}


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2"])
def test_text_is_compressed_by_suffix_and_the_same_every_time(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / f"{name}.csv{suffix}" for name in ("one", "two")]
    for path in paths:
        write_text(path, "x_A\n1.5 Å\n")
        with open_bytes(path) as stream:
            assert stream.read().decode() == "x_A\n1.5 Å\n"
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes()[:2] == {"": b"x_", ".gz": b"\x1f\x8b", ".bz2": b"BZ"}[suffix]
