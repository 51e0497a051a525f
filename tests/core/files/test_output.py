"""Output appears whole or not at all, never replaces an input, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cryotools.core.errors import DataError, UsageError
from cryotools.core.files.output import atomic_path, check_output, write_text

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
