"""Processor time as sets, boxes and networks grow, on one thread."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from measured import run_once
from scipy.spatial.transform import Rotation
from tables import table

from cryotools import simulate_particles
from cryotools.heterogeneity.learning.dataset import ImageSource, half_images
from cryotools.heterogeneity.learning.task import ReconstructionTask, ReconstructionTraining
from cryotools.heterogeneity.network import ReconstructionConfig
from cryotools.view.picture import save_figure

_BATCH, _COMPONENTS, _SECONDS = 16, 8, 2.0  # at least so long per measurement
_SMALL = {"box": 32, "width": 64}
_MODEL = Path(__file__).parents[3] / "examples/1gbt.cif"


@dataclass(frozen=True)
class Cost:
    """`values` in `unit` at each of `at`, of what is said by `label`."""

    label: str
    unit: str
    at: list[int]
    values: list[float]

    def slope(self) -> float:
        """The power with which cost grows between the two largest."""
        return float(np.diff(np.log(self.values[-2:]))[0] / np.diff(np.log(self.at[-2:]))[0])


def all_costs(folder: Path, work: Path) -> str:
    """Measure everything and draw it into a folder; a table of the numbers."""
    boxes = by_box((32, 48, 64, 96, 128))
    draw([boxes], "box, px", "Cost of a box", folder / "drgn-cost-box.png")
    widths = by_width((64, 128, 256, 512, 1024))
    draw([widths], "width", "Cost of a width", folder / "drgn-cost-width.png")
    images = by_images((500, 1000, 2000), work)
    draw(images, "images of 32 px", "Cost of a set", folder / "drgn-cost-images.png")
    return cost_table([boxes, widths, *images])


def by_box(boxes: Sequence[int], width: int = 256) -> Cost:
    """Of a training step, per image."""
    found = [1000 * _step(box, width) for box in boxes]
    return Cost(f"training, width {width}", "ms per image", list(boxes), found)


def by_width(widths: Sequence[int], box: int = 64) -> Cost:
    """Of a training step, per image."""
    found = [1000 * _step(box, width) for width in widths]
    return Cost(f"training, {box} px", "ms per image", list(widths), found)


def by_images(counts: Sequence[int], work: Path) -> list[Cost]:
    """Of whole commands on simulated sets of images of 32 pixels: `train-drgn` for an epoch, and the linear decoder."""
    work.mkdir(parents=True, exist_ok=True)
    network = ["--epochs", "1", "--width", str(_SMALL["width"])]
    kinds = {f"one epoch, width {_SMALL['width']}": network, "linear decoder": ["--decoder", "linear"]}
    found = {label: [] for label in kinds}
    for count in counts:
        star = work / f"cost_{count}.star"
        if not star.exists():
            turn = {"rotate": "residue 16-120", "states": 2}
            simulate_particles(_MODEL, star, **turn, n=count, box=_SMALL["box"], snr=0.1)
        for kind, (label, told) in enumerate(kinds.items()):
            folder = work / f"cost_{count}_{kind}"
            start = [sys.executable, "-m", "cryotools", "train-drgn", str(star), str(folder), "--quiet", "--no-check"]
            found[label].append(run_once(folder, [*start, "--threads", "1", *told]))
    return [Cost(label, "s", list(counts), seconds) for label, seconds in found.items()]


def draw(costs: Sequence[Cost], axis: str, title: str, path: Path) -> None:
    """One picture of costs of one unit, on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    panel = figure.subplots()
    for cost in costs:
        panel.loglog(cost.at, cost.values, marker="o", label=f"{cost.label} (slope {cost.slope():.1f})")
    ticks = sorted({each for cost in costs for each in cost.at})
    panel.set_xticks(ticks, [str(each) for each in ticks])
    panel.minorticks_off()
    panel.set(xlabel=axis, ylabel=f"processor time, {costs[0].unit}", title=title)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    save_figure(figure, str(path))


def cost_table(costs: Sequence[Cost]) -> str:
    """A line per measurement."""
    rows = [
        [cost.label, at, cost.unit, value] for cost in costs for at, value in zip(cost.at, cost.values, strict=True)
    ]
    return table(["what", "at", "unit", "processor time"], rows)


def _step(box: int, width: int) -> float:
    """Seconds of a training step per image, the mean of several batches of noise."""
    torch.set_num_threads(1)
    count, random = 4 * _BATCH, np.random.default_rng(0)
    images = random.normal(size=(count, box, box)).astype(np.float32)
    rotations = Rotation.random(count, random_state=0).as_matrix()
    source = ImageSource(
        lambda at: images[at], lambda at, k: np.ones((len(at), len(k))), rotations, np.zeros((count, 2)), box
    )
    network = ReconstructionConfig(box, 8, 3, width, 3, width, features=2 * _COMPONENTS)
    features = random.normal(size=(count, 2 * _COMPONENTS)).astype(np.float32)
    task = ReconstructionTask(half_images(source), ReconstructionTraining(network, _BATCH), features=features)
    done, began = -1, 0.0
    while done < 1 or time.process_time() - began < _SECONDS:
        task.step(task.batch(random, 0), 0)
        done += 1
        if done == 0:  # the first one also allocates memory
            began = time.process_time()
    seconds = (time.process_time() - began) / (done * _BATCH)
    print(f"{box} px, width {width}: {1000 * seconds:.3g} ms per image", file=sys.stderr, flush=True)
    return seconds
