"""Progress reports: a bar on a terminal, plain lines elsewhere so that batch logs stay readable."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self, TextIO

_SECONDS_BETWEEN_LINES = 30.0


class Progress(Protocol):
    """Interface for reporting progress."""

    def start(self, total: int, what: str) -> None:
        """Start the task `what` of `total` steps."""

    def advance(self, steps: int = 1) -> None:
        """Report that `steps` more steps are done."""


class NoProgress:
    """Reports nothing; the default of all library functions. Like every reporter, a context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, total: int, what: str) -> None:
        """Do nothing."""

    def advance(self, steps: int = 1) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class StreamProgress(NoProgress):
    """A tqdm bar if `stream` is a terminal; else a line with percent, rate and time left, at most every 30 s."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._bar = None
        self._total = self._done = 0
        self._what = ""
        self._began = self._last_line = time.monotonic()

    def start(self, total: int, what: str) -> None:
        """Start a task, closing the previous one."""
        self.close()
        self._total, self._done, self._what = total, 0, what
        self._began = self._last_line = time.monotonic()
        if self.stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=what, file=self.stream, leave=False)

    def advance(self, steps: int = 1) -> None:
        """Count `steps` and update the display when due."""
        self._done += steps
        if self._bar is not None:
            self._bar.update(steps)
            return
        now = time.monotonic()
        if now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            print(self._line(now), file=self.stream, flush=True)

    def close(self) -> None:
        """Remove the bar, if any."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, now: float) -> str:
        rate = self._done / max(now - self._began, 1e-9)
        left = (self._total - self._done) / rate if rate > 0 else float("inf")
        percent = 100 * self._done / max(self._total, 1)
        return f"{self._what}: {percent:.0f} % ({self._done}/{self._total}), {rate:.3g}/s, {left:.0f} s left"
