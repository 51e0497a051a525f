"""Which of several processes started by torchrun talks to the user: the first, and each about work that is its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_own: ContextVar[bool] = ContextVar("own", default=False)


def talks() -> bool:
    """Whether this process prints notes and warnings, which all others would repeat."""
    several = os.environ.get("WORLD_SIZE", "1") != "1"
    return not several or os.environ.get("RANK", "0") == "0" or _own.get()


@contextmanager
def own_work() -> Iterator[None]:
    """Within the context this process does what no other does, and what it warns of is told."""
    before = _own.set(True)
    try:
        yield
    finally:
        _own.reset(before)
