"""The program in a shell: odd names, bare environments, closed streams, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with space.pdb", "Ångström-日本.pdb", "n" * 250 + ".pdb", "a'b\"c.pdb", "[red].pdb"])
def test_names_of_files_may_hold_anything(folder: Path, run: Callable, name: str) -> None:
    (folder / "model.pdb").rename(folder / name)
    output = name.replace(".pdb", ".mrc")
    assert run("struc2map", name, output, "-q").code == 0
    assert run("info", output).code == 0


@pytest.mark.slow
def test_a_name_that_begins_with_a_dash_follows_two_dashes(folder: Path, run: Callable) -> None:
    (folder / "model.pdb").rename(folder / "-x.pdb")
    assert run("struc2map", "--quiet", "--", "-x.pdb", "-x.mrc").code == 0
    assert (folder / "-x.mrc").exists()


def program(*arguments: str, **options: object) -> subprocess.Popen:
    usual = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-m", "cryotools", *arguments], **{**usual, **options})


BARE = {"PATH": os.defpath, "LC_ALL": "C", "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "20"}


@pytest.mark.slow
@pytest.mark.parametrize("extra", [{}, {"PYTHONIOENCODING": "ascii"}], ids=["C", "ascii"])
def test_a_bare_environment_is_enough(folder: Path, extra: dict[str, str]) -> None:
    for arguments in (["struc2map", "--help"], ["struc2map", "model.pdb", "Å.mrc"], ["info", "Å.mrc"]):
        with program(*arguments, env={**BARE, **extra}) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert b"\x1b" not in out + err
        assert b"Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_do_not_stop_the_work(folder: Path, closed: str) -> None:
    (folder / "out.mrc").unlink()
    line = f"exec {sys.executable} -m cryotools struc2map model.pdb out.mrc --method molmap --json {closed}"
    ended = subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (folder / "out.mrc").stat().st_size > 1024


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["--help", "compare-maps map.mrc map.mrc --fsc-csv -"])
def test_a_reader_that_leaves_early_is_no_error(folder: Path, arguments: str) -> None:
    line = f"({sys.executable} -m cryotools {arguments}; echo $? >code) | head -1"
    ended = subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=60)
    assert (ended.stderr, (folder / "code").read_text()) == (b"", "0\n")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_its_exit_code_and_leaves_nothing(folder: Path, number: int, code: int) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("the signal is ignored here, and so it would be in the program")
    os.mkfifo("pipe.pdb")
    before = sorted(path.name for path in folder.iterdir())
    with program("struc2map", "pipe.pdb", "out.mrc") as process:
        pipe = _open_when_read("pipe.pdb")  # from here on the program waits for its input
        try:
            out, err = _end_by(process, number)
        finally:
            os.close(pipe)
    assert process.returncode == code
    assert out == b""
    assert b"Traceback" not in err
    assert (folder / "out.mrc").read_text() == "an earlier map"
    assert sorted(path.name for path in folder.iterdir()) == before


def _end_by(process: subprocess.Popen, number: int) -> tuple[bytes, bytes]:
    """Send a signal until it is heard, as a user at a keyboard does: Python may be where it cannot raise at once."""
    for _ in range(10):
        process.send_signal(number)
        try:
            return process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("the program never ended")


def _open_when_read(pipe: str) -> int:
    for _ in range(3000):
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it yet
            time.sleep(0.01)
    raise AssertionError("the program never opened its input")
