"""How good runs are after equal numbers of epochs, and when one is as good as the other."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from losses import Judge
from measured import run_once, run_timed
from programs import NETWORK, PART, PEER, ParticleSet, command_of, parts, places_command
from tables import table

from cryotools.heterogeneity.contrast import image_contrast
from cryotools.heterogeneity.ensemble import EnsembleRun
from cryotools.heterogeneity.learning.run import particle_images
from cryotools.heterogeneity.metadata.pickles import read_pickled
from cryotools.heterogeneity.runs import open_run
from cryotools.heterogeneity.sample import take_sample
from cryotools.heterogeneity.scoring.volumes import score_volumes

_MOST = 1000  # images trained on that a loss is computed of
_TRUTH = "true volumes"


@dataclass(frozen=True)
class Point:
    """A program after some epochs: processor time in seconds, losses in units of the noise and of the images' variance,
    of images trained on and held out, mean area below the FSC, masked or not, and mean FSC below the last shell.
    """

    name: str
    program: str
    epochs: int
    seconds: float
    trained: float
    held: float
    trained_variance: float
    held_variance: float
    area: float
    masked: float
    fsc: float


def curve(
    particles: ParticleSet, epochs: Sequence[int], width: int, images: int, peer: str | None = None, last: int = 20
) -> list[Point]:
    """Points of every program: runs of cryotools with so many `epochs` each, and one of cryoDRGN with `last`, after as
    many and on the same images.
    """
    read = particles.particles()
    judge = Judge(particle_images(read, image_contrast(take_sample(read)).sign))
    held, used = parts(len(read))
    used = np.sort(np.random.default_rng(0).permutation(used)[:_MOST])
    found = [_of_truth(particles, judge, used, held)]
    for count in epochs:
        folder = particles.folder(NETWORK, count)
        seconds = run_once(folder, command_of(NETWORK, particles, count, width, peer))
        run = open_run(folder)
        places = run.latent()
        both = (used, places[used]), (held, places[held])
        found.append(_point(particles, judge, run, NETWORK, count, seconds, both, images))
    if peer:
        folder = particles.folder(PART, last)
        whole = run_once(folder, command_of(PART, particles, last, width, peer))
        for count in sorted({*(each for each in epochs if each < last), last}):
            run = _after(folder, count)
            command, output = places_command(particles, folder, count, peer)
            if not output.exists():
                run_timed(command)
            at = np.searchsorted(run.rows(), used)
            both = (used, run.latent()[at]), (held, np.asarray(read_pickled(output)))
            found.append(_point(particles, judge, run, PEER, count, whole * count / last, both, images))
    return found


def curve_table(points: Iterable[Point]) -> str:
    """A line per point."""
    head = ["set", "program", "epochs", "processor time, s", "loss", "held out", "loss / variance", "held out"]
    rows = [
        [
            *(each.name, each.program, each.epochs or "–", f"{each.seconds:.0f}" if each.epochs else "–"),
            *(each.trained, each.held, f"{each.trained_variance:.4f}", f"{each.held_variance:.4f}"),
            *(each.area, each.masked, each.fsc),
        ]
        for each in points
    ]
    return table([*head, "area", "masked", "mean FSC"], rows)


def times_table(points: Sequence[Point]) -> str:
    """Processor time until cryotools is as good as cryoDRGN at its end, as part of cryoDRGN's."""
    rows = []
    for name in dict.fromkeys(each.name for each in points):
        peers = [each for each in points if (each.name, each.program) == (name, PEER)]
        own = [each for each in points if (each.name, each.program) == (name, NETWORK)]
        if peers:
            last = max(peers, key=lambda each: each.epochs)
            own.sort(key=lambda each: each.epochs)
            error = next((each for each in own if each.held <= last.held), None)
            area = next((each for each in own if each.area >= last.area), None)
            rows.append([name, last.epochs, f"{last.seconds:.0f}", *_told(error, last), *_told(area, last)])
    head = ["set", "cryoDRGN's epochs", "s", "its held-out loss after epochs", "s", "part"]
    return table([*head, "its area after epochs", "s", "part"], rows)


def _told(point: Point | None, last: Point) -> list[object]:
    if point is None:
        return ["not reached", None, None]
    return [point.epochs, f"{point.seconds:.0f}", f"{point.seconds / last.seconds:.2f}"]


def _of_truth(particles: ParticleSet, judge: Judge, used: np.ndarray, held: np.ndarray) -> Point:
    truth = particles.truth()
    one, other = (judge.of_truth(truth, rows[truth.states[rows] >= 0]) for rows in (used, held))
    losses = one.noise, other.noise, one.variance, other.variance
    return Point(particles.name, _TRUTH, 0, 0, *losses, *(float("nan"),) * 3)


def _point(
    particles: ParticleSet,
    judge: Judge,
    run: EnsembleRun,
    program: str,
    epochs: int,
    seconds: float,
    both: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    images: int,
) -> Point:
    one, other = (judge.of_run(run, *each) for each in both)
    truth = particles.truth()[run.rows()]
    scores = [each for each in score_volumes(run, truth, run.latent(), images=images) if each.particle is not None]
    areas = (float(np.mean([getattr(each, name) for each in scores])) for name in ("area", "masked_area"))
    fsc = float(np.mean([each.fsc.correlation[1 : run.box // 2].mean() for each in scores]))
    losses = one.noise, other.noise, one.variance, other.variance
    return Point(particles.name, program, epochs, seconds, *losses, *areas, fsc)


def _after(folder: Path, epoch: int) -> EnsembleRun:
    """A run of cryoDRGN as it was after an epoch."""
    beside = folder / f"after_{epoch}"
    beside.mkdir(exist_ok=True)
    for name, new in ((f"weights.{epoch}.pkl", "weights.pkl"), (f"z.{epoch}.pkl", "z.pkl"), ("config.yaml",) * 2):
        if not (beside / new).exists():
            shutil.copy(folder / name, beside / new)
    return open_run(beside)
