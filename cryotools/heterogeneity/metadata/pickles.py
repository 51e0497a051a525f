"""Poses, CTF parameters and selections that cryoDRGN keeps in pickles, read without executing anything.

A pickle is a program: it may call any function that it names. Here it can name only the parts of NumPy arrays and
numbers, and gets harmless stand-ins for them; everything else is refused.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.files.bytestream import open_bytes
from cryotools.heterogeneity.ctf import CtfParameters

_CTF_COLUMNS = 9  # box, Å per pixel, defocus U and V, angle, kV, Cs, amplitude contrast, phase shift
_SUFFIXES = (".pkl", ".pickle")


def read_pickled(path: str | os.PathLike[str]) -> Any:
    """The numbers, arrays, tuples, lists and dictionaries in a pickle.

    Raises
    ------
    DataError
        The file is not a pickle, is damaged, or contains anything else; nothing in it was executed.
    """
    with open_bytes(path) as stream:
        try:
            return _plain(_Unpickler(stream, encoding="latin1").load())
        except _ForbiddenError as error:
            raise DataError(f"{path}: {error}; nothing was executed, do not trust this file") from error
        except DataError:
            raise
        except MemoryError as error:
            raise DataError(f"{path}: is damaged, or larger than the memory") from error
        except Exception as error:  # a damaged pickle may fail in any way
            raise DataError(f"{path}: is not a pickle, or is damaged ({error}); write it again") from error


def read_pose_pickle(
    path: str | os.PathLike[str], shifts_path: str | os.PathLike[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (n, 3, 3), x_image = R @ x_volume, and shifts (n, 2) as a fraction of the box; 0 if there are none.

    `shifts_path` is the file of the shifts where `path` has rotations alone.

    Raises
    ------
    DataError
        A file holds something else, or shifts larger than the box.
    """
    found = _parts(path)
    if shifts_path is not None:
        extra = _parts(shifts_path)
        if len(found) + len(extra) > 2 or extra[0].ndim != 2:
            raise DataError(
                f"{path} and {shifts_path}: give the file of rotations (n, 3, 3), then that of shifts (n, 2)"
            )
        found += extra
    rotations = np.asarray(found[0], dtype=np.float64)
    if rotations.ndim != 3 or rotations.shape[1:] != (3, 3):
        hint = "; Euler angles are not read from pickles, give the STAR file" if rotations.shape[1:] == (3,) else ""
        raise DataError(f"{path}: holds rotations of shape {rotations.shape}, not (n, 3, 3){hint}")
    shifts = np.asarray(found[1], dtype=np.float64) if len(found) == 2 else np.zeros((len(rotations), 2))
    name = path if shifts_path is None else shifts_path
    if shifts.shape != (len(rotations), 2):
        raise DataError(f"{name}: has shifts of shape {shifts.shape} for {len(rotations)} rotations")
    largest = float(np.abs(shifts).max(initial=0))
    if largest > 1:
        raise DataError(f"{name}: shifts reach {largest:.3g} boxes; divide shifts in pixels by the box first")
    return rotations, shifts


def _parts(path: str | os.PathLike[str]) -> list[np.ndarray]:
    """The one or two arrays of numbers in a pickle of poses."""
    found = read_pickled(path)
    parts = list(found) if isinstance(found, tuple | list) else [found]
    if not 1 <= len(parts) <= 2 or not all(isinstance(part, np.ndarray) and part.dtype.kind in "fiu" for part in parts):
        raise DataError(f"{path}: holds {_described(found)}; poses are rotations (n, 3, 3) and shifts (n, 2)")
    return parts


def read_ctf_pickle(path: str | os.PathLike[str]) -> tuple[CtfParameters, np.ndarray]:
    """CTF parameters, and the edge of each image's box, Å (n,): its box times its pixel size.

    Raises
    ------
    DataError
        The file does not hold numbers (n, 9), or one of them is missing (NaN) or impossible.
    """
    found = read_pickled(path)
    if not (isinstance(found, np.ndarray) and found.ndim == 2 and found.shape[1] == _CTF_COLUMNS):
        raise DataError(f"{path}: holds {_described(found)}; CTF parameters are (n, {_CTF_COLUMNS})")
    table = found.astype(np.float64)
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        row, column = bad[0]
        hint = "; without a phase plate it is 0" if column == _CTF_COLUMNS - 1 else ""
        raise DataError(f"{path}: row {row + 1}: column {column + 1} of the CTF parameters is not a number{hint}")
    if (table[:, :2] <= 0).any():
        row = np.flatnonzero((table[:, :2] <= 0).any(axis=1))[0]
        raise DataError(f"{path}: row {row + 1}: the box is {table[row, 0]:g} pixels of {table[row, 1]:g} Å")
    return CtfParameters(*table[:, 2:].T), table[:, 0] * table[:, 1]


def read_index(path: str | os.PathLike[str]) -> np.ndarray:
    """A selection of particles, int64 (k,), counted from 0: see `read_whole_numbers`; of true and false values, those
    that are true.

    Raises
    ------
    DataError
        The file holds something else.
    """
    values = read_whole_numbers(path)
    return np.flatnonzero(values) if values.dtype.kind == "b" else values.astype(np.int64)


def read_whole_numbers(path: str | os.PathLike[str]) -> np.ndarray:
    """Numbers of particles or of states, or true and false values (k,): a pickle, NumPy's .npy, or text of one number
    per line.

    Raises
    ------
    DataError
        The file holds something else.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _SUFFIXES:
        found = read_pickled(path)
    elif suffix == ".npy":
        try:
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path}: is not an array of NumPy ({error})") from error
    else:
        with open_bytes(path) as stream:
            words = stream.read().decode("utf-8", "replace").split()
        wrong = [word for word in words if not word.removeprefix("-").isdecimal()]
        if wrong:
            raise DataError(f"{path}: {wrong[0][:40]} is not a whole number; give one per line")
        found = np.array([int(word) for word in words], dtype=np.int64)
    try:
        values = np.asarray(sorted(found) if isinstance(found, set | frozenset) else found)
    except ValueError as error:
        raise DataError(f"{path}: holds {_described(found)}, not whole numbers") from error
    if values.ndim != 1 or (len(values) and values.dtype.kind not in "biu"):
        raise DataError(f"{path}: holds {_described(found)}, not whole numbers")
    return values


class _ForbiddenError(Exception):
    """A pickle names something other than the parts of arrays and numbers."""


class _Dtype:
    """Stands in for numpy.dtype while a pickle is read."""

    def __init__(self, code: str, *_: object) -> None:
        self.type = np.dtype(str(code))
        self.order = "="
        if self.type.kind not in "biufSU":
            raise _ForbiddenError(f"contains an array of {self.type}, not of numbers")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1] if state[1] in ("<", ">") else "="

    def resolved(self) -> np.dtype:
        return self.type.newbyteorder(self.order)  # type: ignore[arg-type] # one of three strings


class _Array:
    """Stands in for numpy.ndarray while a pickle is read."""

    def __init__(self, *_: object) -> None:
        self.values = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, in_columns, content = state
        raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
        self.values = np.frombuffer(raw, dtype.resolved()).reshape(shape, order="F" if in_columns else "C")


def _scalar(dtype: _Dtype, content: bytes | str) -> Any:
    raw = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(raw, dtype.resolved())[0]


def _from_buffer(content: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    return np.frombuffer(content, dtype.resolved()).reshape(shape, order="F" if order == "F" else "C")


def _encoded(text: str, encoding: str) -> bytes:
    """What `_codecs.encode` is called for: bytes that were written as text by a pickle of an old protocol."""
    if encoding not in ("latin1", "latin-1"):
        raise _ForbiddenError(f"encodes text as {encoding}")
    return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], Any] = {
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encoded,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise _ForbiddenError(f"asks for {module}.{name}, where only arrays and numbers are read")
        return _STAND_INS[module, name]


def _plain(value: Any, depth: int = 0) -> Any:
    """The value with arrays in place of their stand-ins."""
    if isinstance(value, _Array):
        return value.values
    if depth < 2 and isinstance(value, tuple | list):
        return type(value)(_plain(each, depth + 1) for each in value)
    if depth < 2 and isinstance(value, dict):
        return {key: _plain(each, depth + 1) for key, each in value.items()}
    return value


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
