"""From user input to a training task: maps, structures to simulate and crystals become domains of examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from cryotools.anchors.aanchor import AANCHOR, AAnchor
from cryotools.anchors.learning.aanchor import AAnchorTask, AAnchorTraining
from cryotools.anchors.learning.adapt import NOTHING, PAIRED, make_adaptation
from cryotools.anchors.learning.crystals import WAY as OF_CRYSTALS
from cryotools.anchors.learning.crystals import Crystal, crystal_examples
from cryotools.anchors.learning.domains import EM, SIM, XRAY, Domains, Single
from cryotools.anchors.learning.examples import ResidueExample, experimental_residues
from cryotools.anchors.learning.simulated import WAY as OF_SIMULATIONS
from cryotools.anchors.learning.simulated import residue_boxes
from cryotools.anchors.learning.trace import TraceTask, TraceTraining
from cryotools.anchors.learning.twins import TwinnedExample, twinned_residues
from cryotools.anchors.learning.types import TypeTask, TypeTraining
from cryotools.anchors.network import RESIDUE_TYPE, TRACE, ResidueType, Trace
from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import ArgumentError, UsageError
from cryotools.core.progress import Progress
from cryotools.simulate.boxes import BOX, digest_boxes
from cryotools.training.pairs import Pair
from cryotools.training.store import ExampleStore

Training = TypeTraining | TraceTraining | AAnchorTraining
AnchorTask = TypeTask | TraceTask | AAnchorTask
_ARCHITECTURES = {TypeTraining: RESIDUE_TYPE, TraceTraining: TRACE, AAnchorTraining: AANCHOR}
_EM_SHARE = 0.25  # of the draws, if there are other domains
_BOXES_OF_CRYSTAL = 7


@dataclass(frozen=True)
class Boxes:
    """Boxes to make in addition to experimental maps, stored in the folder `cache`: `simulated` ones (None: three per
    structure) from the files `structures`, and `crystalline` ones (None: seven per crystal) from `crystals`.
    """

    cache: Path
    structures: Sequence[Path] = ()
    crystals: Sequence[Crystal] = ()
    simulated: int | None = None
    crystalline: int | None = None


@dataclass(frozen=True)
class AnchorOptions:
    """Setup of a run: `versions` of each experimental map (0: none is trained on), `boxes` in addition, and the network
    of `config` or, if given, of the weights file `init`. Versions are stored in `folder` (None: a temporary one).
    `adapt` is one of `anchors.learning.adapt.ADAPTATIONS`, for the network of types.
    """

    config: Training
    versions: int = 10
    boxes: Boxes | None = None
    init: str | None = None
    device: str | torch.device = "cpu"
    seed: int = 0
    folder: Path | None = None
    adapt: str = NOTHING


def make_anchor_task(
    pairs: Sequence[Pair], held_out: Sequence[Pair], options: AnchorOptions, progress: Progress | None = None
) -> AnchorTask:
    """The task described by `options` on `pairs`, validated on `held_out`.

    Raises
    ------
    UsageError
        There is nothing to train on or to adapt to, or the cube size does not fit the network.
    DataError
        A file is missing or damaged.
    """
    config, init, device = options.config, options.init, options.device
    if options.adapt != NOTHING and not isinstance(config, TypeTraining):
        raise ArgumentError("adapt", options.adapt, "only the network of types is adapted")
    start = load_network(init, [_ARCHITECTURES[type(config)]])[0] if init else None
    config = replace(config, network=cast(Any, start).config) if start else config
    if isinstance(config, TraceTraining):
        _check_cube(config)
    domains = make_domains(pairs, options, progress)
    torch.manual_seed(options.seed)
    if isinstance(config, TraceTraining):
        return TraceTask(domains, held_out, config, device, cast(Trace | None, start))
    if isinstance(config, AAnchorTraining):
        return AAnchorTask(domains, held_out, config, device, cast(AAnchor | None, start))
    adaptation = make_adaptation(options.adapt, config.network.embedding)
    if adaptation is not None and (EM not in domains or (len(domains) == 1 and options.adapt != PAIRED)):
        raise ArgumentError("adapt", options.adapt, "needs experimental maps, and boxes of another domain")
    return TypeTask(domains, held_out, config, device, cast(ResidueType | None, start), adaptation)


def _check_cube(config: TraceTraining) -> None:
    multiple = 2**config.network.levels
    if config.cube % multiple or config.cube > BOX:
        raise ArgumentError("cube", config.cube, f"give a multiple of {multiple}, {BOX} at most")


def make_domains(pairs: Sequence[Pair], options: AnchorOptions, progress: Progress | None = None) -> Domains:
    """Examples of every domain that has any, and their shares: a quarter for experimental maps, the rest for the others
    in equal parts.
    """
    found: dict[str, Sequence[Sequence[ResidueExample]]] = {}
    if pairs and options.versions:
        found[EM] = _experimental(pairs, options, progress)
    boxes, seed = options.boxes, options.seed
    if boxes and boxes.structures:
        count = boxes.simulated or 3 * len(boxes.structures)
        found[SIM] = Single(residue_boxes(boxes.structures, count, boxes.cache, seed, progress))
    if boxes and boxes.crystals:
        count = boxes.crystalline or _BOXES_OF_CRYSTAL * len(boxes.crystals)
        found[XRAY] = Single(crystal_examples(boxes.crystals, count, boxes.cache, seed, progress))
    if not found:
        raise UsageError("nothing to train on; give experimental maps, structures to simulate, crystals, or several")
    others = len(found) - (EM in found)
    em = _EM_SHARE if others else 1.0
    rest = (1 - em * (EM in found)) / max(others, 1)
    return {name: (em if name == EM else rest, examples) for name, examples in found.items()}


def _experimental(
    pairs: Sequence[Pair], options: AnchorOptions, progress: Progress | None
) -> Sequence[Sequence[ResidueExample]]:
    """The versions of each map, with twins if pairs are to be adapted."""
    paired = options.adapt == PAIRED
    make: Callable[[Pair, int, int], Iterator[ResidueExample]] = twinned_residues if paired else experimental_residues
    store = ExampleStore[ResidueExample](TwinnedExample if paired else ResidueExample, options.folder)
    makers = {f"{at:05d}": partial(make, pair, options.versions, options.seed) for at, pair in enumerate(pairs)}
    store.fill(makers, progress, "preparing maps")
    return [store.versions(name) for name in makers]


def describe_anchors(task: AnchorTask, options: AnchorOptions) -> dict[str, object]:
    """The settings of a run, as plain values; a run with any different setting cannot be resumed."""
    boxes = options.boxes
    made = digest_boxes(boxes.structures, options.seed, OF_SIMULATIONS) if boxes and boxes.structures else ""
    cut = digest_boxes([str(one.model) for one in boxes.crystals], options.seed, OF_CRYSTALS) if boxes else ""
    return {
        "arch": _ARCHITECTURES[type(task.config)].name,
        **dataclasses.asdict(task.config),
        "versions": options.versions,
        "init": options.init or "",
        **{f"n_{name}": len(examples) for name, (_, examples) in task.domains.items()},
        "simulated_from": made,
        "crystals_from": cut,
        **({} if options.adapt == NOTHING else {"adapt": options.adapt}),
    }
