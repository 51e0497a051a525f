from __future__ import annotations

import io

import pytest

from cryotools.core import progress as module
from cryotools.core.progress import NoProgress, StreamProgress


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_short_work_prints_nothing_into_a_log(clock):
    log = io.StringIO()
    with StreamProgress(log) as progress:
        progress.start(10, "density")
        for _ in range(10):
            clock.now += 2.9
            progress.advance()
    assert log.getvalue() == ""


def test_a_log_gets_a_line_every_thirty_seconds_at_most(clock):
    log = io.StringIO()
    with StreamProgress(log) as progress:
        progress.start(100, "density")
        for _ in range(100):
            clock.now += 1
            progress.advance()
    lines = log.getvalue().splitlines()
    assert lines == [
        "density: 30 % (30/100), 1/s, 70 s left",
        "density: 60 % (60/100), 1/s, 40 s left",
        "density: 90 % (90/100), 1/s, 10 s left",
    ]


def test_steps_count_by_their_number(clock):
    log = io.StringIO()
    progress = StreamProgress(log)
    progress.start(200, "tiles")
    clock.now += 50
    progress.advance(150)
    assert log.getvalue() == "tiles: 75 % (150/200), 3/s, 17 s left\n"


def test_a_second_piece_of_work_counts_from_zero(clock):
    log = io.StringIO()
    progress = StreamProgress(log)
    progress.start(10, "one")
    clock.now += 100
    progress.advance(5)
    progress.start(4, "two")
    clock.now += 40
    progress.advance(1)
    assert log.getvalue().splitlines()[-1] == "two: 25 % (1/4), 0.025/s, 120 s left"


def test_work_of_no_steps_divides_by_nothing(clock):
    log = io.StringIO()
    with StreamProgress(log) as progress:
        progress.start(0, "nothing")
        clock.now += 60
        progress.advance(0)
    assert log.getvalue() == "nothing: 0 % (0/0), 0/s, inf s left\n"


def test_a_terminal_gets_a_bar_that_leaves_nothing_behind():
    screen = Terminal()
    with StreamProgress(screen) as progress:
        progress.start(3, "density")
        progress.advance(3)
    assert "density" in screen.getvalue()
    assert screen.getvalue().rsplit("\r", 1)[-1].strip() == ""


def test_a_failure_inside_still_removes_the_bar():
    screen = Terminal()

    def fail() -> None:
        with StreamProgress(screen) as progress:
            progress.start(3, "density")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert screen.getvalue().rsplit("\r", 1)[-1].strip() == ""


def test_no_progress_prints_nothing(capfd):
    with NoProgress() as progress:
        progress.start(10, "density")
        progress.advance(10)
    assert capfd.readouterr() == ("", "")
