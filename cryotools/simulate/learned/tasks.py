"""The learned simulators that `train-gan` trains, by the values of the parameter `arch`.

An architecture is a function of the pairs to train on, those held out and the options that returns a task for
`training.loop`; its dataclass `config` goes into the run's config.json.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import ArgumentError, UsageError, check_choice
from cryotools.simulate.learned.network import GENERATOR, GeneratorConfig
from cryotools.simulate.learned.train import GanConfig, GanTask
from cryotools.simulate.learned.vae_network import VAE_GENERATOR, VaeConfig
from cryotools.simulate.learned.vae_train import VaeGanConfig, VaeGanTask
from cryotools.training.pairs import Pair
from cryotools.training.task import Task

_LEVELS = {"unet": 2, "unetpp": 4}
_ADVERSARIAL = 0.01  # struc2mapGAN's


@dataclass(frozen=True)
class SimulatorOptions:
    """`arch` and its settings: None leaves `width` and `levels` to the architecture, or to the initial weights `init`;
    `batch` cubes of `cube` voxels per step; `adversarial` is the weight of the adversarial loss, None for the
    architecture's default; examples are kept in `folder`, None for a temporary one.
    """

    arch: str = "unet"
    width: int | None = None
    levels: int | None = None
    cube: int = 32
    batch: int = 8
    adversarial: float | None = None
    init: str | None = None
    device: str | torch.device = "cpu"
    seed: int = 0
    folder: Path | None = None


class SimulatorTask(Task, Protocol):
    """A task with its configuration."""

    config: Any


def make_simulator_task(pairs: Sequence[Pair], held_out: Sequence[Pair], options: SimulatorOptions) -> SimulatorTask:
    """The task of `options.arch`, with new weights drawn from `options.seed` or those of `options.init`.

    Raises
    ------
    UsageError
        The sizes are incompatible with each other or with the initial weights.
    DataError
        The initial weights are missing, damaged, or from another architecture.
    """
    check_choice("arch", options.arch, ARCHITECTURES)
    torch.manual_seed(options.seed)
    return ARCHITECTURES[options.arch](pairs, held_out, options)


def describe_simulator(task: SimulatorTask, arch: str) -> dict[str, Any]:
    """The settings that define a run, in plain values: it can only be resumed with the same ones."""
    return {"arch": arch, **dataclasses.asdict(task.config)}


def _gan(pairs: Sequence[Pair], held_out: Sequence[Pair], options: SimulatorOptions) -> GanTask:
    """A generator with a body of `options.arch` against the discriminator."""
    start = None
    generator = GeneratorConfig(levels=_LEVELS[options.arch], body=options.arch)
    if options.init:
        start, generator, _ = load_network(options.init, [GENERATOR])
    wanted: dict[str, Any] = {"body": options.arch, "width": options.width, "levels": options.levels}
    asked = {key: value for key, value in wanted.items() if value is not None}
    others = [f"{key} {getattr(generator, key)}" for key, value in asked.items() if getattr(generator, key) != value]
    if start is not None and others:
        raise UsageError(
            f"{options.init}: is a generator with {', '.join(others)}; give the same `arch`, `width` and `levels`"
        )
    config = GanConfig(
        generator=dataclasses.replace(generator, **asked),
        cube=options.cube,
        batch=options.batch,
        adversarial=_ADVERSARIAL if options.adversarial is None else options.adversarial,
    )
    _check_sizes(config)
    return GanTask(pairs, held_out, config, options.device, start, options.folder)


def _vae_gan(pairs: Sequence[Pair], held_out: Sequence[Pair], options: SimulatorOptions) -> VaeGanTask:
    """A variational generator against a discriminator that sees the atoms too."""
    if options.cube % max(8, 2 ** (options.levels or 1)):
        raise ArgumentError("cube", options.cube, "the discriminator needs a multiple of 8")
    start, generator = None, VaeConfig()
    if options.init:
        start, generator, _ = load_network(options.init, [VAE_GENERATOR])
    asked = {"width": options.width or generator.width, "levels": options.levels or generator.levels}
    wanted = dataclasses.replace(generator, **asked)
    if start is not None and wanted != generator:
        raise UsageError(
            f"{options.init}: has width {generator.width} and {generator.levels} levels; give the same, or neither"
        )
    config = VaeGanConfig(
        generator=wanted,
        cube=options.cube,
        batch=options.batch,
    )
    if options.adversarial is not None:
        config = dataclasses.replace(config, adversarial=options.adversarial)
    return VaeGanTask(pairs, held_out, config, options.device, start, options.folder)


def _check_sizes(config: GanConfig) -> None:
    multiple = 2 ** (config.generator.levels - (config.generator.body == "unetpp"))
    if config.cube % multiple or config.cube % 2:
        raise ArgumentError("cube", config.cube, f"the levels of the network need a multiple of {max(multiple, 2)}")
    if config.batch == 1 and config.cube == multiple:
        raise ArgumentError("batch", 1, "the deepest level would have a single voxel to normalise; use larger cubes")


Build = Callable[[Sequence[Pair], Sequence[Pair], SimulatorOptions], SimulatorTask]
ARCHITECTURES: dict[str, Build] = {"unet": _gan, "unetpp": _gan, "vae-gan": _vae_gan}
