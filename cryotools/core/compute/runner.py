"""Run networks: the one place that handles batches, precision and memory, for maps and images alike.

`Runner` applies a network to a stream of inputs of one shape (tiles, cubes, particle images), `run_tiled` to the tiles
of a volume. To apply a network to a map, use `core.compute.inference`.
"""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from cryotools.core.compute.device import resolve_device, resolve_precision
from cryotools.core.compute.tiles import TilePlan, occupied, plan_tiles
from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError
from cryotools.core.maps.volume import Shape
from cryotools.core.memory import check_grid_fits
from cryotools.core.progress import NoProgress, Progress

_DEFAULT_BATCH = {"cpu": 4, "cuda": 16, "mps": 8}


class InputTooLargeError(DataError):
    """A single input does not fit into memory; a smaller one may."""


@dataclass(frozen=True)
class Compute:
    """How to compute: `device` and `precision` by their command-line names, `threads` (None for torch's default),
    `batch` (None for automatic; halved when memory runs out). As results go into files and scores, the default is
    float32 unless a lower precision is requested.
    """

    device: str = "auto"
    precision: str = "fp32"
    threads: int | None = None
    batch: int | None = None

    def for_large_tiles(self) -> Compute:
        """The same with a `batch` of 1 if it is None: a large tile alone keeps the processor busy."""
        return replace(self, batch=self.batch or 1)

    def check(self) -> None:
        """Raise early (UsageError, DataError) if `Runner` would reject device or precision; no notes are issued."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryotoolsNote)  # the note on the device comes when it is used
            resolve_precision(self.precision, resolve_device(self.device))


class Runner:
    """A network on a device, ready to be applied; results are returned as float32 on the CPU.

    The given network keeps its device and mode: it may be shared or in training.
    """

    def __init__(self, network: nn.Module, compute: Compute | None = None) -> None:
        compute = compute or Compute()
        if compute.threads is not None:
            torch.set_num_threads(compute.threads)
        self.device = resolve_device(compute.device)
        self.precision = resolve_precision(compute.precision, self.device)
        self.network = network if _lies_on(network, self.device) else copy.deepcopy(network).to(self.device)
        self.batch = compute.batch or _DEFAULT_BATCH[self.device.type]

    def run(self, inputs: Iterable[Tensor]) -> Iterator[Tensor]:
        """Outputs, one for each of `inputs` (all of one shape, without the batch axis), in the same order.

        Raises
        ------
        InputTooLargeError
            A single input does not fit into memory.
        DataError
            The network's output is not finite.
        """
        stream = iter(inputs)
        while group := list(itertools.islice(stream, self.batch)):
            yield from self._whole_group(torch.stack(group) if len(group) > 1 else group[0][None])

    def _whole_group(self, group: Tensor) -> Tensor:
        """Outputs of one batch, in smaller batches when memory runs out; later batches stay small."""
        if len(group) > self.batch:
            return torch.cat([self._whole_group(part) for part in group.split(self.batch)])
        try:
            return self._finite(group)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(group) == 1:
            raise InputTooLargeError(
                f"one input of {tuple(group.shape[1:])} does not fit into the memory of {self.device}; use "
                "smaller tiles"
            )
        self.batch = max(1, len(group) // 2)
        return self._whole_group(group)

    def _finite(self, group: Tensor) -> Tensor:
        output = self._apply(group, self.precision)
        if torch.isfinite(output).all():
            return output
        if self.precision != torch.float32:
            warnings.warn(
                f"{self.precision} overflowed; this batch is computed in float32", CryotoolsWarning, stacklevel=4
            )
            output = self._apply(group, torch.float32)
        if not torch.isfinite(output).all():
            raise DataError("the network's output is not finite; its weights or the input are damaged")
        return output

    def _apply(self, group: Tensor, precision: torch.dtype) -> Tensor:
        autocast = torch.autocast(self.device.type, precision, enabled=precision != torch.float32)
        with _evaluating(self.network), torch.inference_mode(), autocast:
            return self.network(group.to(self.device, non_blocking=True)).float().cpu()


def run_tiled(
    runner: Runner,
    channels: np.ndarray,
    *,
    halo: int,
    core: int = 64,
    multiple: int = 1,
    after: Callable[[Tensor], Tensor] | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Apply a voxel network (c, tile) → (k, tile) to a whole volume.

    Parameters
    ----------
    channels : float32 (c, nz, ny, nx), already normalised over the whole map
    halo : voxels around each core, at least the one-sided receptive field of the network
    core : voxels kept of each tile along an axis
    multiple : the network's internal down-sampling factor, to which tiles are aligned
    after : applied to each output (k, tile), e.g. a softmax

    Returns
    -------
    float32 (k, nz, ny, nx), independent of `core`. All-zero tiles are computed only once.

    Raises
    ------
    DataError
        The result or a single tile does not fit into memory.
    """
    progress = progress or NoProgress()
    channels = np.ascontiguousarray(channels, dtype=np.float32)
    plan = plan_tiles(channels.shape[1:], halo=halo, core=core, multiple=multiple)
    filled: list[Shape] = []
    empty: list[Shape] = []
    for start, something in occupied(plan, channels):
        (filled if something else empty).append(start)
    progress.start(len(filled), "tiles")
    result: np.ndarray | None = None
    for place, tile in _tile_outputs(runner, plan, channels, filled, empty):
        kept = (after(tile) if after else tile).numpy()
        if result is None:
            check_grid_fits(plan.shape, copies=len(kept))
            result = np.empty((len(kept), *plan.shape), dtype=np.float32)
        if place is None:
            for start in empty:
                plan.paste(result, kept, start)
        else:
            plan.paste(result, kept, place)
            progress.advance()
    assert result is not None  # a volume has at least one tile
    return result


def run_tiles(
    runner: Runner, plan: TilePlan, channels: np.ndarray, starts: Iterable[Shape]
) -> Iterator[tuple[Shape, Tensor]]:
    """The start and the network's output (k, *tile) for the tiles of `plan` around the cores at `starts`.

    `channels` (c, nz, ny, nx) is read one tile at a time. Tiles of the same shape are yielded together.
    """

    def shape(start: Shape) -> Shape:
        return plan.extent(start)[1]

    for _, same in itertools.groupby(sorted(starts, key=shape), key=shape):
        group = list(same)
        inputs = (torch.from_numpy(plan.cut(channels, start)) for start in group)
        yield from zip(group, runner.run(inputs), strict=True)


def _tile_outputs(
    runner: Runner, plan: TilePlan, channels: np.ndarray, filled: list, empty: list
) -> Iterator[tuple[Shape | None, Tensor]]:
    """Start and output of each filled tile, then (None, output) for the all-zero tile if there is one."""
    yield from run_tiles(runner, plan, channels, filled)
    if empty:
        yield None, next(runner.run([torch.zeros((len(channels), *plan.tile))]))


def _lies_on(network: nn.Module, device: torch.device) -> bool:
    """True if all weights are already on `device`."""
    tensors = itertools.chain(network.parameters(), network.buffers())
    return all((t.device.type, t.device.index or 0) == (device.type, device.index or 0) for t in tensors)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Context in which all modules of the network are in evaluation mode; modes are restored afterwards."""
    training = [part for part in network.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error) for words in ("out of memory", "can't allocate memory", "not enough memory"))
