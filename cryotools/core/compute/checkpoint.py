"""Networks and training states on disk.

A network is one safetensors file with its weights and, in the metadata, its architecture name and config, so that it
can be rebuilt from the file alone. A training state is plain numbers, containers and tensors. No pickle is ever
executed.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import nn

from cryotools.core.errors import DataError
from cryotools.core.files.impostors import impostor
from cryotools.core.files.output import atomic_path

_FORMAT = "cryotools-network-1"
WEIGHTS_FOLDER = Path(__file__).parents[2] / "weights"
SHIPPED = (
    "binding-sites",
    "evaluation-discriminator",
    "map-generator",
    "residue-trace",
    "residue-type",
    "secondary-structure",
    "vae-map-generator",
)


@dataclass(frozen=True)
class Architecture:
    """A family of networks: its `name` in files, its frozen dataclass `config`, and a function to `build` one."""

    name: str
    config: type
    build: Callable[[Any], nn.Module]


def shipped(name: str) -> Path:
    """The file of a network shipped with cryotools, one of `SHIPPED`."""
    if name not in SHIPPED:
        raise ValueError(f"no network '{name}' is shipped with cryotools; choose from {', '.join(SHIPPED)}")
    return WEIGHTS_FOLDER / f"{name}.safetensors"


def save_network(
    path: str | os.PathLike[str],
    network: nn.Module,
    architecture: Architecture,
    config: Any,
    *,
    about: Mapping[str, str] | None = None,
    half: bool = False,
) -> None:
    """Write weights and config atomically; `about` is added to the metadata, `half` stores floats as float16."""
    tensors = {}
    for name, tensor in network.state_dict().items():
        stored = tensor.detach().cpu().contiguous()
        tensors[name] = stored.half() if half and stored.is_floating_point() else stored.clone()
    metadata = {
        **(about or {}),
        "format": _FORMAT,
        "architecture": architecture.name,
        "config": json.dumps(dataclasses.asdict(config)),
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(safetensors_bytes(tensors, metadata))


def load_network(
    path: str | os.PathLike[str], accepted: Sequence[Architecture]
) -> tuple[nn.Module, Any, dict[str, str]]:
    """The network in a file, in float32 on the CPU and in evaluation mode, with its config and metadata.

    Raises
    ------
    DataError
        The file is missing or damaged, its architecture is not in `accepted`, or weights do not fit or are not finite.
    """
    path = Path(path)
    tensors, metadata = _read(path)
    known = {architecture.name: architecture for architecture in accepted}
    name = metadata.get("architecture", "unnamed")
    if metadata.get("format") != _FORMAT or name not in known:
        raise DataError(f"{path}: contains a network of kind '{name}'; this command takes {', '.join(known)}")
    architecture = known[name]
    try:
        config = architecture.config(**_tuples(json.loads(metadata["config"])))
        network = architecture.build(config)
    except (TypeError, ValueError, KeyError) as error:
        raise DataError(f"{path}: its configuration does not fit this version of cryotools: {error}") from error
    expected = network.state_dict()
    missing, extra = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    wrong = [key for key in expected.keys() & tensors.keys() if expected[key].shape != tensors[key].shape]
    faults = {"missing from it": missing, "unknown to the network": extra, "of the wrong shape": sorted(wrong)}
    for fault, keys in faults.items():
        if keys:
            count = "1 weight is" if len(keys) == 1 else f"{len(keys)} weights are"
            named = ", ".join(keys[:3]) + (", ..." if len(keys) > 3 else "")
            raise DataError(f"{path}: {count} {fault} ({named}); the file belongs to another version of cryotools")
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise DataError(f"{path}: weight {key} is not finite; the file is damaged or its training failed")
    network.load_state_dict({key: tensor.to(expected[key].dtype) for key, tensor in tensors.items()})
    return network.eval(), config, metadata


def architecture_of(path: str | os.PathLike[str]) -> str | None:
    """The name of the architecture of a network's file; None if it is no such file or damaged, which `load_network`
    explains.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as stored:
            return (stored.metadata() or {}).get("architecture")
    except (SafetensorError, OSError):
        return None


def shared_network(
    path: str | os.PathLike[str], accepted: Sequence[Architecture]
) -> tuple[nn.Module, Any, Mapping[str, str]]:
    """`load_network` with a cache: a file is read only once unless it changes. Kernels are stored channels-last, which
    CPUs convolve fast.

    All callers share the same network, so do not modify it.

    Raises
    ------
    DataError
        As `load_network` does.
    """
    path = Path(path)
    stamp: tuple[int, ...] = ()
    if path.is_file():
        found = path.stat()
        stamp = found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
    return _read_once(path, tuple(accepted), stamp)


def load_shipped(
    name: str, accepted: Sequence[Architecture], weights: str | os.PathLike[str] | None = None
) -> tuple[nn.Module, Any, Mapping[str, str]]:
    """The network `name` shipped with cryotools, or that in the file `weights` if given; see `shared_network`.

    Raises
    ------
    DataError
        As `load_network` does.
    """
    return shared_network(shipped(name) if weights is None else weights, accepted)


@lru_cache(maxsize=8)
def _read_once(
    path: Path, accepted: tuple[Architecture, ...], stamp: tuple[int, ...]
) -> tuple[nn.Module, Any, Mapping[str, str]]:
    """The network in the file with this `stamp`: device, inode, modification time, size."""
    network, config, metadata = load_network(path, accepted)
    for parameter in network.parameters():
        if parameter.dim() == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return network.requires_grad_(False), config, MappingProxyType(metadata)


def save_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write a training state atomically: tensors, numbers, strings, lists, dicts and None, nothing else.

    Raises
    ------
    TypeError
        It contains anything else, which `load_state` would refuse.
    """
    _refuse_objects(state, "state")
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The training state in a file, on the CPU.

    Raises
    ------
    DataError
        The file is missing or damaged, or contains Python objects, which are never executed.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; nothing to resume") from error
    except pickle.UnpicklingError as error:
        raise DataError(f"{path}: contains Python objects other than plain data; refused for safety") from error
    except (RuntimeError, EOFError, ValueError, OSError) as error:
        raise DataError(f"{path}: is damaged or not a training state ({str(error).splitlines()[0]})") from error


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    with path.open("rb") as stream:
        what = impostor(stream.read(200))
    if what:
        raise DataError(f"{path}: looks like {what}")
    try:
        with safe_open(path, framework="pt", device="cpu") as stored:
            return {key: stored.get_tensor(key) for key in stored.keys()}, stored.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: is damaged or not a safetensors file ({error})") from error


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Lists as tuples: JSON lacks tuples, configs lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _refuse_objects(value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_objects(item, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            _refuse_objects(item, f"{where}[{number}]")
    elif type(value) not in (int, float, bool, str, type(None)) and not isinstance(value, torch.Tensor):
        raise TypeError(f"{where} is a {type(value).__name__}; keep plain numbers, strings, containers and tensors")
