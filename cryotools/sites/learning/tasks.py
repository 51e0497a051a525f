"""From user input to a training task: structures to simulate, structures held out, a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import ArgumentError, DataError
from cryotools.core.progress import Progress
from cryotools.core.structures.structurelist import FILE, list_structures
from cryotools.simulate.boxes import BOX
from cryotools.sites.learning.examples import digest_sites, site_examples
from cryotools.sites.learning.train import SiteTask, SiteTraining
from cryotools.sites.network import BINDING_SITES, BindingSites

_COMPLETE = "complete"  # column name
_PER_STRUCTURE, _PER_HELD_OUT = 2, 1


@dataclass(frozen=True)
class SiteStructures:
    """Structure files, and the names of those that lack chains or ligands of their entries."""

    files: Sequence[Path]
    incomplete: frozenset[str]


@dataclass(frozen=True)
class SiteOptions:
    """Setup of a run: `count` boxes from the structures to train on (None: two each), one from each held-out structure,
    all stored in the folder `cache`; the network of `config` or, if given, of the weights file `init`.
    """

    config: SiteTraining
    cache: Path
    count: int | None = None
    init: str | None = None
    device: str | torch.device = "cpu"
    seed: int = 0


def site_structures(source: str) -> SiteStructures:
    """The structures of a folder or list (`core.structures.structurelist`); a table may have a column complete, with
    yes or no.

    Raises
    ------
    DataError
        There is no such folder or list, or the column holds something else.
    """
    rows = list_structures(source, (_COMPLETE,))
    for row in rows:
        if row.values.get(_COMPLETE, "") not in ("", "yes", "no"):
            raise DataError(f"{source}: line {row.line}: column {_COMPLETE} takes yes or no")
    incomplete = frozenset(row.values[FILE] for row in rows if row.values.get(_COMPLETE) == "no")
    return SiteStructures([Path(row.values[FILE]) for row in rows], incomplete)


def make_site_task(
    structures: SiteStructures,
    held_out: SiteStructures | None,
    options: SiteOptions,
    progress: Progress | None = None,
) -> SiteTask:
    """The task described by `options` on boxes of `structures`, validated and calibrated on boxes of `held_out`.

    Raises
    ------
    UsageError
        The cube size does not fit the network.
    DataError
        A file is missing or damaged, or no structure can be used.
    """
    config, seed = options.config, options.seed
    torch.manual_seed(seed)
    start: BindingSites | None = None
    if options.init:
        start = cast(BindingSites, load_network(options.init, [BINDING_SITES])[0])
        config = replace(config, network=start.config)
    network = start or BindingSites(config.network)
    if config.cube % network.multiple or config.cube > BOX:
        raise ArgumentError("cube", config.cube, f"give a multiple of {network.multiple}, {BOX} at most")
    count = options.count or _PER_STRUCTURE * len(structures.files)
    examples = site_examples(structures.files, count, options.cache, structures.incomplete, seed, progress)
    judged = (
        site_examples(
            held_out.files,
            _PER_HELD_OUT * len(held_out.files),
            options.cache,
            held_out.incomplete,
            seed,
            progress,
        )
        if held_out
        else []
    )
    return SiteTask(examples, judged, config, options.device, network)


def describe_sites(task: SiteTask, structures: SiteStructures, options: SiteOptions) -> dict[str, object]:
    """The settings of a run, as plain values; a run with any different setting cannot be resumed."""
    return {
        "arch": BINDING_SITES.name,
        **dataclasses.asdict(task.config),
        "init": options.init or "",
        "n_simulated": len(task.examples),
        "n_held_out_boxes": len(task.held_out),
        "simulated_from": digest_sites(structures.files, options.seed),
    }
