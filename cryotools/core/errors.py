"""Errors and warnings, each shown to the user as one line.

Messages name parameters as in Python, in backticks: "give `voxel_size`", "add `waters=True`". The commands show the
corresponding option instead, and drop advice (after "; " or ", or ") about parameters for which they have no option.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence


class CryotoolsError(Exception):
    """Base class of all expected failures; `exit_code` is the program's exit status."""

    exit_code = 1


class DataError(CryotoolsError):
    """An input is broken or unsuitable, or a run failed. The message says what is wrong, where, and what to do."""


class UnknownElementError(DataError):
    """The element of some atoms cannot be determined, and skipping them was not allowed."""


class UsageError(CryotoolsError):
    """The arguments are invalid, alone or in combination."""

    exit_code = 2


class ArgumentError(UsageError):
    """The parameter `name` has an invalid `value`; `advice` says what to give instead."""

    def __init__(self, name: str, value: object, advice: str) -> None:
        self.name, self.value, self.advice = name, value, advice
        super().__init__(f"`{name}` {value}: {advice}")

    def __reduce__(self) -> tuple[type[ArgumentError], tuple[str, object, str]]:
        return type(self), (self.name, self.value, self.advice)


class CryotoolsNote(UserWarning):
    """Something the user may not expect, although nothing is wrong; shown once, unless a command is quiet."""


class CryotoolsWarning(UserWarning):
    """Something unusual that does not stop the work; shown once."""


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Prefix data errors raised inside with the name of the file."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def listing(items: Sequence[object]) -> str:
    """The first ten of `items`, formatted as the choices in a message."""
    shown = ", ".join(str(item) for item in items[:10])
    return shown + (", ..." if len(items) > 10 else "")


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Raise if `value` of the parameter `name` is not one of `choices`.

    Raises
    ------
    ArgumentError
        It is not; the message lists the choices.
    """
    if value not in choices:
        *others, last = (str(choice) for choice in choices)
        raise ArgumentError(name, value, f"give {', '.join(others)} or {last}")
