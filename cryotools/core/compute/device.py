"""Choose the device and precision of networks; decided here and nowhere else."""

from __future__ import annotations

import warnings

import torch

from cryotools.core.compute.bfloat16 import why_not_bfloat16
from cryotools.core.errors import ArgumentError, CryotoolsNote, DataError, check_choice

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_device(name: str = "auto") -> torch.device:
    """The device for `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    `auto` takes a GPU if there is one, and otherwise issues a note. A device requested by name is never replaced.

    Raises
    ------
    UsageError
        The name is none of these.
    DataError
        The device is not available.
    """
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (number and (kind != "cuda" or not number.isdecimal())):
        raise ArgumentError("device", name, "give auto, cpu, cuda, cuda:N or mps")
    if kind == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        if torch.backends.mps.is_available():
            return torch.device("mps")
        warnings.warn("no GPU found; running on the CPU", CryotoolsNote, stacklevel=2)
        return torch.device("cpu")
    if kind == "cuda":
        there = torch.cuda.device_count()
        if int(number or 0) >= there:
            raise DataError(f"`device` {name}: {there} CUDA devices are available; `cryotools doctor` shows why")
        return torch.device("cuda", int(number or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DataError("`device` mps: not available on this machine; `cryotools doctor` lists what is")
    return torch.device(kind)


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype that networks compute in: `auto` is bf16 if the hardware computes it fast and correctly, else fp32.

    Raises
    ------
    UsageError
        The name is unknown, or fp16 is requested on a CPU.
    DataError
        bf16 is requested on a CPU that computes it slowly or incorrectly.
    """
    if name == "auto":
        return torch.bfloat16 if _fast_bfloat16(device) else torch.float32
    check_choice("precision", name, ("auto", *PRECISIONS))
    if name == "fp16" and device.type == "cpu":
        raise ArgumentError("precision", name, "fp16 needs a GPU; use fp32 on a CPU")
    if name == "bf16" and device.type == "cpu" and (reason := why_not_bfloat16()):
        raise DataError(f"`precision` bf16: {reason}; use fp32 or a GPU")
    return PRECISIONS[name]


def in_precision(name: str, device: torch.device) -> torch.autocast:
    """A context in which networks on `device` compute in a precision; see `resolve_precision`.

    Raises
    ------
    UsageError
        The name is unknown, or fp16 is requested on a CPU.
    DataError
        bf16 is requested on a CPU that computes it slowly or incorrectly.
    """
    dtype = resolve_precision(name, device)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return device.type == "cpu" and not why_not_bfloat16()
