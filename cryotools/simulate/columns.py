"""Options of struc2map as columns of a list: the same names without leading dashes, one value per structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryotools.core.files.table import number
from cryotools.simulate.methods import METHODS
from cryotools.simulate.struc2map import Simulation

AUTO = "auto"
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


def with_columns(simulation: Simulation, values: Mapping[str, str], folder: Path) -> Simulation:
    """`simulation` with the values in one line's columns; empty values are ignored, paths are relative to `folder`.

    Raises
    ------
    ValueError
        A value is invalid for its column, or two columns set the same option; the message names the column.
    """
    if values.get("res") and values.get("resolution"):
        raise ValueError("columns res and resolution both give the resolution; keep one")
    for column, (part, name, parse) in COLUMNS.items():
        text = values.get(column, "")
        if not text:
            continue
        try:
            value = str(folder / text) if parse is Path else parse(text)
        except ValueError as error:
            raise ValueError(f"column {column}: {error}") from error
        simulation = _with(simulation, part, name, value)
    return _with_noise(simulation, values.get("noise", ""))


def _with(simulation: Simulation, part: str, name: str, value: Any) -> Simulation:
    if not part:
        return replace(simulation, **{name: value})
    return replace(simulation, **{part: replace(getattr(simulation, part), **{name: value})})


def _with_noise(simulation: Simulation, text: str) -> Simulation:
    """Set the noise: a level, or that of half maps."""
    if text == AUTO:
        return replace(simulation, half_maps=True)
    try:
        return replace(simulation, noise=number(text)) if text else simulation
    except ValueError as error:
        raise ValueError(f"column noise: {error}; or is it auto?") from error


def _positive(text: str) -> float:
    value = number(text)
    if not 0 < value < float("inf"):
        raise ValueError(f"{text} is not a positive number")
    return value


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text} is not a whole number")
    return int(text)


def _yes(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise ValueError(f"{text} is neither yes nor no")
    return text.lower() in _YES


def _one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text} is none of {', '.join(names)}")
        return text

    return parse


def _ids(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


# column: the part of the Simulation and the field that it sets, and the parser of its text (Path: a file)
COLUMNS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "method": ("", "method", _one_of(*METHODS)),
    "network": ("options", "network", Path),
    "res": ("options", "resolution", _positive),
    "resolution": ("options", "resolution", _positive),
    "apix": ("grid", "apix", _positive),
    "box": ("grid", "box", str),
    "center": ("grid", "center", _yes),
    "like": ("grid", "like", Path),
    "chains": ("atoms", "chains", _ids),
    "select": ("atoms", "selection", str),
    "model": ("atoms", "model", str),
    "assembly": ("atoms", "assembly", str),
    "hydrogens": ("atoms", "hydrogens", _yes),
    "waters": ("atoms", "waters", _yes),
    "altloc": ("atoms", "altloc", str),
    "skip-unknown": ("atoms", "skip_unknown", _yes),
    "occupancy": ("options", "occupancy", _yes),
    "bfactor": ("options", "b_factors", _yes),
    "weights": ("options", "weights", _one_of("number", "electron")),
    "sharpen": ("options", "sharpness", number),
    "match": ("", "match", Path),
    "seed": ("", "seed", _whole),
}
NAMES = (*COLUMNS, "noise")
