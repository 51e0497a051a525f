"""The errors and warnings that reach a user as one line each.

Texts name parameters as Python has them, in backticks: "give `voxel_size`", "add `waters=True`". The commands show the
option of that parameter instead, and leave out advice (after "; " or ", or ") about a parameter that they do not have.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


class CryotoolsError(Exception):
    """Base of every expected failure; `exit_code` is what the program leaves with."""

    exit_code = 1


class DataError(CryotoolsError):
    """An input is broken or unsuitable, or a run failed. The text says what is wrong, where, and what to do."""


class UnknownElementError(DataError):
    """The element of atoms cannot be determined, and they were not to be skipped."""


class UsageError(CryotoolsError):
    """The arguments given do not make sense, alone or together."""

    exit_code = 2


class ArgumentError(UsageError):
    """The parameter `name` has a `value` that it cannot have; `advice` says what to give instead."""

    def __init__(self, name: str, value: object, advice: str) -> None:
        self.name, self.value, self.advice = name, value, advice
        super().__init__(f"`{name}` {value}: {advice}")

    def __reduce__(self) -> tuple[type[ArgumentError], tuple[str, object, str]]:
        return type(self), (self.name, self.value, self.advice)


class CryotoolsNote(UserWarning):
    """Something a user may not expect, although nothing is wrong; shown once, unless a command is quiet."""


class CryotoolsWarning(UserWarning):
    """Something unusual that does not stop the work; shown once."""


def listing(items: Sequence[object]) -> str:
    """The first ten of `items`, as messages name what there is to choose from."""
    shown = ", ".join(str(item) for item in items[:10])
    return shown + (", ..." if len(items) > 10 else "")


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Refuse a `value` of the parameter `name` that is none of `choices`.

    Raises
    ------
    ArgumentError
        It is not; the choices are named.
    """
    if value not in choices:
        *others, last = (str(choice) for choice in choices)
        raise ArgumentError(name, value, f"give {', '.join(others)} or {last}")
