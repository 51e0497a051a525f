"""The errors and warnings that reach a user as one line each."""

from collections.abc import Sequence


class CryotoolsError(Exception):
    """Base of every expected failure; `exit_code` is what the program leaves with."""

    exit_code = 1


class DataError(CryotoolsError):
    """An input is broken or unsuitable, or a run failed. The text says what is wrong, where, and what to do."""


class UnknownElementError(DataError):
    """Atoms are of an element that cannot be told; a command that can skip them says how."""


class UsageError(CryotoolsError):
    """The options given do not make sense, alone or together."""

    exit_code = 2


class CryotoolsNote(UserWarning):
    """Something a user may not expect, though nothing is odd; shown once, unless --quiet."""


class CryotoolsWarning(UserWarning):
    """Something odd that does not stop the work; shown to the user once."""


def listing(items: Sequence[object]) -> str:
    """The first ten of `items`, as messages name what there is to choose from."""
    shown = ", ".join(str(item) for item in items[:10])
    return shown + (", ..." if len(items) > 10 else "")
