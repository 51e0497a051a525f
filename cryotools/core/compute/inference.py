"""Apply a network to a map: one call for all systems, networks and map sizes.

`core.compute.wrappers` describes the attributes that a network must have for this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from cryotools.core.compute.regions import Blocks, Box, cover
from cryotools.core.compute.runner import Compute, InputTooLargeError, Runner, run_tiled, run_tiles
from cryotools.core.compute.tiles import TilePlan, bounding_box, plan_few_tiles
from cryotools.core.compute.wrappers import Tiling, reach_of, rotation_average
from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Shape
from cryotools.core.memory import available_bytes, check_grid_fits
from cryotools.core.progress import NoProgress, Progress

_CORE = 96  # voxels kept of each equal tile along an axis
_LEAST_CORE = 64  # voxels inside a tile's halo when memory is short
_LARGEST_BOX, _LEAST_BOX = 4_500_000, 200_000  # voxels of a box with its halo
_BYTES = 220  # bytes per voxel of a box for the shipped generator's activations

Source = Callable[[Box], np.ndarray]
"""Returns the channels of a box, float32 (c, *box.shape), with zeros outside the volume."""


def apply_network(
    network: nn.Module,
    channels: np.ndarray | Source,
    where: np.ndarray | Blocks | None = None,
    *,
    compute: Compute | None = None,
    rotations: int = 1,
    progress: Progress | None = None,
) -> np.ndarray:
    """The outputs of a voxel network, (b, c, z, y, x) → (b, k, z, y, x), for a whole map or parts of it.

    Parameters
    ----------
    channels : float32 (c, nz, ny, nx), already normalised over the whole map; or, if `where` is blocks, a function
        that returns the channels of a box, for channels that do not all fit into memory at once
    where : the voxels to compute: all (None), those of a bool mask (nz, ny, nx), or blocks with the network's
        `multiple` as edge. The network is applied only to the input needed for these.
    compute : a `batch` of None means 1 here, since tiles are large
    rotations : number of rotations of the input (1, 4 or 24) over which outputs are averaged

    Returns
    -------
    float32 (k, nz, ny, nx), 0 outside the mask and in blocks far from the requested ones. The result does not depend on
    the tiling; tiles become smaller when memory is short.

    Raises
    ------
    DataError
        The result or a single tile does not fit into memory, or the network's output is not finite.
    UsageError
        The number of rotations, the device or the precision is invalid.
    """
    network = rotation_average(network, rotations)
    runner, reach = Runner(network, (compute or Compute()).for_large_tiles()), reach_of(network)
    progress = progress or NoProgress()
    if isinstance(where, Blocks):
        source = channels if callable(channels) else _source(channels)
        return run_boxes(runner, source, where, halo=reach.halo, progress=progress)
    if callable(channels):
        raise TypeError("channels that are made box by box need blocks to say where")
    if where is not None:
        return _masked(runner, channels, where, progress)
    return run_tiled(runner, channels, halo=reach.halo, multiple=reach.multiple, core=_CORE, progress=progress)


def apply_in_one_piece(network: nn.Module, channels: np.ndarray, compute: Compute | None = None) -> np.ndarray:
    """The outputs (k, nz, ny, nx) for a small map, processed whole like a training cube: zero-padded to the network's
    `multiple`, and beyond that with the padding of its layers.

    Raises
    ------
    DataError
        The map does not fit into memory.
    """
    shape, multiple = channels.shape[1:], reach_of(network).multiple
    filled = np.zeros((len(channels), *(-(-n // multiple) * multiple for n in shape)), dtype=np.float32)
    inside = (slice(None), *(slice(n) for n in shape))
    filled[inside] = channels
    whole = torch.from_numpy(filled)[None].to(memory_format=torch.channels_last_3d)[0]  # memory layout as in training
    return next(Runner(network, compute).run([whole])).numpy()[inside]


def run_boxes(
    runner: Runner, source: Source, blocks: Blocks, *, halo: int, progress: Progress | None = None
) -> np.ndarray:
    """Apply a voxel network (c, box) → (k, box) to the blocks of a volume that matter.

    Parameters
    ----------
    source : returns the channels of a box, already normalised over the whole map
    halo : voxels around each box, at least the one-sided receptive field of the network; a multiple of the block edge,
        which is the network's internal down-sampling factor or a multiple of it

    Returns
    -------
    float32 (k, nz, ny, nx), 0 outside the boxes that cover the blocks.

    Raises
    ------
    DataError
        The result or a single box does not fit into memory.
    """
    if halo % blocks.edge:
        raise ValueError(f"a halo of {halo} voxels is no whole number of blocks of {blocks.edge}")
    check_grid_fits(blocks.shape)
    result: np.ndarray | None = None
    largest = _LARGEST_BOX
    if runner.device.type == "cpu":  # Linux would kill the process
        largest = int(min(largest, max(available_bytes() * 0.8 / _BYTES, _LEAST_BOX)))
    while True:
        boxes = cover(blocks, halo=halo, largest=largest)
        (progress or NoProgress()).start(len(boxes), "tiles")
        try:
            for box, values in _outputs(runner, source, boxes, halo):
                kept = box.inside(blocks.shape)
                result = _zeros(len(values), blocks.shape) if result is None else result
                result[(slice(None), *kept.slices())] = values[(slice(None), *kept.slices(of=box.start))]
                (progress or NoProgress()).advance()
        except InputTooLargeError as error:
            if largest <= _LEAST_BOX:
                advice = "use a machine with more memory, or `device='cpu'` instead of a GPU"
                raise DataError(f"{error}; {advice}") from error
            largest //= 2  # boxes already computed are recomputed, with the same result
        else:
            return _nothing(runner, source, halo, blocks) if result is None else result


def _outputs(runner: Runner, source: Source, boxes: list[Box], halo: int) -> Iterator[tuple[Box, np.ndarray]]:
    """Each box with the network's output in it, float32 (k, *box.shape)."""
    for box in boxes:
        output = next(runner.run([torch.from_numpy(source(box.grown(halo)))]))
        yield box, output[(slice(None), *box.slices(of=box.grown(halo).start))].numpy()


def _masked(runner: Runner, channels: np.ndarray, where: np.ndarray, progress: Progress) -> np.ndarray:
    """The network's outputs within the mask `where`, computed on the smallest box that holds the mask and its
    receptive field, in tiles as large as memory allows.
    """
    reach = reach_of(runner.network)
    edge = reach.multiple
    halo = -(-reach.halo // edge) * edge
    box = bounding_box(where)
    if box is None:
        return _nothing(runner, _source(channels), halo, Blocks(where, edge, where.shape))
    part = tuple(slice(max(0, side.start // edge * edge - halo), side.stop + halo) for side in box)
    inside = (slice(None), *part)
    result: np.ndarray | None = None
    for plan, start, tile in _tiles(runner, channels[inside], where[part], progress):
        result = _zeros(len(tile), where.shape) if result is None else result
        plan.paste(result[inside], tile, start)
    assert result is not None  # every voxel of the mask lies in a tile
    for plane, wanted in zip(result[inside].swapaxes(0, 1), where[part], strict=True):
        plane[:, ~wanted] = 0
    return result


def _tiles(
    runner: Runner, channels: np.ndarray, where: np.ndarray, progress: Progress
) -> Iterator[tuple[TilePlan, Shape, np.ndarray]]:
    """The plan, start and output (k, *tile) of each tile that contains voxels of `where` (nz, ny, nx). If a tile does
    not fit into memory, all start again with smaller tiles.
    """
    reach = reach_of(runner.network)
    tiling: Tiling = getattr(runner.network, "tiling", Tiling())
    least = 2 * reach.halo + _LEAST_CORE
    most = min(tiling.most, tiling.largest**3)
    short = runner.device.type == "cpu" and tiling.bytes_per_voxel * most > available_bytes()  # or be killed
    largest = least if short else max(tiling.largest, least)
    sizes = {"halo": reach.halo, "multiple": reach.multiple, "beyond": tiling.beyond}
    while True:
        plan = plan_few_tiles(where.shape, largest=largest, most=max(most, least**3), **sizes)
        starts = [start for start in plan.starts() if where[_core(plan, start)].any()]
        progress.start(len(starts), "tiles")
        try:
            for start, tile in run_tiles(runner, plan, channels, starts):
                yield plan, start, tile.numpy()
                progress.advance()
        except InputTooLargeError as error:
            if largest == least:
                raise DataError(
                    f"tiles of {least} voxels do not fit into the memory of {runner.device}; use a machine with more "
                    "memory, or `device='cpu'` instead of a GPU"
                ) from error
            # tiles already computed are recomputed, with the same result
            largest = max(min(largest, round(most ** (1 / 3))) // 2, least)
        else:
            return


def _nothing(runner: Runner, source: Source, halo: int, blocks: Blocks) -> np.ndarray:
    """Zeros with as many channels as the network's output."""
    box = Box((0, 0, 0), (blocks.edge,) * 3).grown(halo)
    return _zeros(len(next(runner.run([torch.from_numpy(np.zeros_like(source(box)))]))), blocks.shape)


def _zeros(count: int, shape: Shape) -> np.ndarray:
    check_grid_fits(shape, copies=count)
    return np.zeros((count, *shape), dtype=np.float32)


def _source(channels: np.ndarray) -> Source:
    """A source of boxes from channels (c, nz, ny, nx) already in memory."""

    def part(box: Box) -> np.ndarray:
        plan = TilePlan(channels.shape[1:], box.shape, 0)
        return plan.cut(channels, box.start)

    return part


def _core(plan: TilePlan, start: Shape) -> tuple[slice, ...]:
    return tuple(slice(s, s + n) for s, n in zip(start, plan.core, strict=True))
