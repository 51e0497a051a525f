"""Replace the library's parameter names in messages with the options of the running command.

Messages of the library name a parameter in backticks, with or without a value: `voxel_size`, `method='gan'`,
`occupancy=False`. A command with such an option shows that instead (--apix, --method gan, --no-occupancy). Advice about
a parameter that the command lacks is useless there and is left out: the part of the sentence after "; " or ", or ", and
text in parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PARAMETER = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`]*))?`")
_ADVICE = re.compile(r"(; |, or )")
_ASIDE = re.compile(r" \([^()]*`[a-z][^()]*\)")

# library parameters whose options have other names
OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "resolution": ("res",),
    "apix": ("grid_spacing",),
    "replace_non_finite": ("replace_nan",),
    "selection": ("select",),
    "centre": ("center",),
    "sharpness": ("sharpen",),
    "b_factors": ("bfactor",),
    "samples": ("sample",),
    "method": ("interpolation",),
}


def spelled(text: str, parameters: Sequence[Any]) -> str:
    """`text` with the library's parameters replaced by the options of a command that has these `parameters`."""
    if "`" not in text:
        return text

    def option(found: re.Match[str]) -> str:
        return _option(found[1], found[2], parameters) or found[1].replace("_", " ")

    def is_of_use(part: str) -> bool:
        return all(_option(name, value, parameters) for name, value in _PARAMETER.findall(part))

    text = _ASIDE.sub(lambda aside: aside[0] if is_of_use(aside[0]) else "", text)
    kept, *rest = _ADVICE.split(text)
    left_out = ""
    for separator, part in zip(rest[::2], rest[1::2], strict=True):
        if is_of_use(part):
            kept += ("; " if left_out == "; " else separator) + part
            left_out = ""
        else:
            left_out = left_out or separator
    return _PARAMETER.sub(option, kept)


def _option(name: str, value: str | None, parameters: Sequence[Any]) -> str:
    """The option or argument for the parameter `name`, with its value if given; empty if the command has none."""
    for known in (name, *OTHER_NAMES.get(name, ())):
        for parameter in parameters:
            if parameter.name == known:
                return _shown(parameter, value)
    return ""


def _shown(parameter: Any, value: str | None) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    if value == "False":
        return str(parameter.secondary_opts[0] if parameter.secondary_opts else parameter.opts[0])
    option = next((name for name in parameter.opts if name.startswith("--")), parameter.opts[0])
    if value in (None, "", "True"):
        return str(option)
    return f"{option} {value.strip(chr(39) + chr(34)).replace('None', 'none')}"
