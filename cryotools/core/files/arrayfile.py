"""Named arrays in one file, without pickle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.files.output import atomic_path


def save_arrays(path: str | os.PathLike[str], arrays: dict[str, np.ndarray]) -> None:
    """Write compressed arrays atomically; ValueError if one contains objects, which numpy would pickle."""
    objects = [name for name, array in arrays.items() if array.dtype.hasobject]
    if objects:  # numpy itself refuses them from 2.3 on
        raise ValueError(f"{path}: {', '.join(objects)} holds objects")
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        values: dict[str, Any] = dict(arrays)  # to a type checker, any of them could be the option allow_pickle
        np.savez_compressed(stream, **values)


@contextmanager
def arrays_in(path: str | os.PathLike[str], what: str, remedy: str) -> Iterator[dict[str, np.ndarray]]:
    """Context that yields the arrays of the file by name, to be made into `what`; `remedy` is the advice if that fails.

    Raises
    ------
    DataError
        The file is missing or damaged, or its arrays do not form `what`.
    """
    try:
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            values = {key: stored[key] for key in stored.files}
        yield values
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise DataError(f"{path}: is damaged or not {what} ({error}); {remedy}") from error
