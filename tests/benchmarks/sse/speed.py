"""Measurement 5: CPU seconds and peak memory on boxes of 1 Å voxels, against the published Haruspex network.

    python tests/benchmarks/sse/speed.py --weights FILE --cases 100:masked 100:full 200:masked 200:noise 400:masked

Boxes are filled with copies of a simulated molecule: in the middle, with zeros (masked) or faint noise (noise) around,
or everywhere (full). Every run is a process of its own with one thread; reading the map counts, importing does not. The
memory is that of the whole command: elements are found and all files written after the seconds are taken.
Haruspex runs in the same runner, on the tiles that its authors take: 40³ voxels of which 20³ are kept, every 20 voxels,
so that the outer 10 voxels are never predicted. Its weights are random, which cost what trained ones cost. A number of
tiles is measured, and the whole box extrapolated from it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
from benchtools import peak_memory

FILLS = ("masked", "noise", "full")
CASES = ("100:masked", "100:full", "200:masked", "200:noise", "400:masked")
TILE, STRIDE, BATCH = 40, 20, 4
_RESOLUTION, _MARGIN = 3.0, 1.5  # Å
_PERIOD = 32  # voxels from one molecule to the next
_MIDDLE = 0.75  # of a box's edge that holds molecules
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--weights", help="a network made by train-sse")
    options.add_argument("--structure", default="examples/1gbt.cif")
    options.add_argument("--cases", nargs="+", default=CASES, metavar="|".join(f"N:{fill}" for fill in FILLS))
    options.add_argument("--tiles", type=int, default=16, help="of Haruspex, to be measured")
    options.add_argument("--precision", default="fp32", help="of both")
    chosen = options.parse_args(arguments)
    haruspex = child("haruspex", tiles=chosen.tiles, precision=chosen.precision)
    rows = []
    for case in chosen.cases:
        size, _, fill = case.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            box = str(Path(folder, "box.mrc"))
            share = child("box", path=box, structure=chosen.structure, size=int(size), fill=fill)["share"]
            ours = child("ours", path=box, weights=chosen.weights, precision=chosen.precision)
        rows.append(row(int(size), fill, share, ours, haruspex))
    each = haruspex["seconds"] / haruspex["tiles"]
    print(f"\n## Speed\n\nOne thread. Haruspex: {haruspex['tiles']} tiles measured, {each:.2f} s each, the whole box")
    print("extrapolated from them;", end=" ")
    print(f"its memory is that of a batch of {BATCH} tiles, without the map and its predictions.\n")
    print("\n".join(_table(rows)))


def row(size: int, fill: str, share: float, ours: dict[str, Any], haruspex: dict[str, Any]) -> list[str]:
    """A line of the table."""
    theirs = haruspex["seconds"] / haruspex["tiles"] * haruspex_tiles(size)
    costs = [
        f"{ours['seconds']:.1f}",
        f"{theirs:.1f} ({haruspex_tiles(size)} tiles)",
        f"{theirs / ours['seconds']:.1f}",
    ]
    return [f"{size}³", fill, f"{share:.0%}", *costs, f"{ours['peak_MB']:.0f}", f"{haruspex['peak_MB']:.0f}"]


def haruspex_tiles(size: int) -> int:
    """Tiles that Haruspex takes over a box of `size` voxels along each edge."""
    return (-(-max(0, size - TILE) // STRIDE) + 1) ** 3


def child(task: str, **how: Any) -> dict[str, Any]:
    """What one task says of itself, in a process of its own with one thread."""
    command = [sys.executable, __file__, "--child", json.dumps({"task": task, **how})]
    environment = {**os.environ, **dict.fromkeys(_THREADS, "1")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def make_box(path: str, structure: str, size: int, fill: str) -> dict[str, Any]:
    """Write a box of molecules; the share of it that holds density: above a tenth of what is strong."""
    import numpy as np

    from cryotools.core.maps.mapwrite import write_map
    from cryotools.core.maps.volume import Volume
    from cryotools.core.structures.structure import WATER
    from cryotools.core.structures.structurefile import read_structure
    from cryotools.simulate.classical.formulas import MapOptions, molmap_density
    from cryotools.simulate.layout import make_grid

    atoms = read_structure(structure)
    atoms = atoms[atoms.kind != WATER]
    low, high = atoms.bounds()
    first = np.floor(low - _MARGIN)
    tile = molmap_density(
        atoms, make_grid(np.ceil(high + _MARGIN) - first + 1, (1.0,) * 3, first), MapOptions(_RESOLUTION)
    )
    for axis, n in enumerate(tile.shape):  # copies overlap a little, as tight as molecules in a complex
        padded = np.pad(tile, [(0, -n % _PERIOD if each == axis else 0) for each in range(3)])
        tile = sum(np.split(padded, padded.shape[axis] // _PERIOD, axis=axis))
    strong = float(np.percentile(tile, 99))
    edge = size if fill == "full" else round(_MIDDLE * size)
    start = (size - edge) // 2
    turn = np.arange(edge) % _PERIOD
    box = np.zeros((size,) * 3, dtype=np.float32)
    for at, plane in enumerate(turn, start):
        box[at, start : start + edge, start : start + edge] = tile[plane][np.ix_(turn, turn)]
    share = float((box > 0.1 * strong).mean())
    random = np.random.default_rng(0)
    for plane in box if fill == "noise" else ():
        plane += np.float32(0.05 * strong) * random.standard_normal(plane.shape, dtype=np.float32)
    write_map(path, Volume(box, (1.0, 1.0, 1.0)), label="benchmark")
    return {"share": share}


def run_ours(path: str, weights: str | None, precision: str) -> dict[str, Any]:
    """Annotate a map, in seconds, then write what the command writes."""
    from cryotools.core.compute.runner import Compute
    from cryotools.core.maps.mapfile import read_map
    from cryotools.sse.elements.find import find_elements
    from cryotools.sse.output import chimerax_script, output_files, write_files
    from cryotools.sse.predict import annotate
    from cryotools.view.chimerax import MapSource

    began = time.process_time()
    found = annotate(read_map(path), _RESOLUTION, weights=weights, compute=Compute("cpu", precision, threads=1))
    seconds = time.process_time() - began
    elements = find_elements(found.probabilities, found.volume.grid)
    with tempfile.TemporaryDirectory() as folder:
        files = output_files(str(Path(folder, "out")))
        script = chimerax_script(files, found, elements, MapSource(path))
        write_files(files, found, elements, script=script, label="benchmark")
    return {"seconds": seconds, "peak_MB": peak_memory()}


def run_haruspex(tiles: int, precision: str, tile: int = TILE) -> dict[str, Any]:
    """Predict `tiles` tiles, after a batch that does not count."""
    import torch

    from cryotools.core.compute.runner import Compute, Runner
    from cryotools.nn.conditions import resolution_conditions
    from cryotools.sse.network import Classifier, Haruspex, HaruspexConfig

    torch.manual_seed(0)
    network = Classifier(Haruspex(HaruspexConfig()), torch.from_numpy(resolution_conditions(None)))
    runner = Runner(network.to(memory_format=torch.channels_last_3d), Compute("cpu", precision, threads=1, batch=BATCH))
    for _ in runner.run([torch.rand(1, tile, tile, tile)]):
        pass
    began = time.process_time()
    for _ in runner.run(torch.rand(1, tile, tile, tile) for _ in range(tiles)):
        pass
    return {"seconds": time.process_time() - began, "tiles": tiles, "peak_MB": peak_memory()}


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    header = ("box", "around", "density", "CPU s", "Haruspex, CPU s", "ratio", "peak MB", "Haruspex, peak MB")
    return [f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows)]


TASKS = {"box": make_box, "ours": run_ours, "haruspex": run_haruspex}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        given = json.loads(sys.argv[2])
        print(json.dumps(TASKS[given.pop("task")](**given)))
    else:
        main()
