"""What can be fine-tuned: for each task its network, how a box of a homolog becomes an example, and how it learns."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cryotools.anchors.learning.domains import SIM, Single
from cryotools.anchors.learning.simulated import residue_box
from cryotools.anchors.learning.trace import TraceTask, TraceTraining
from cryotools.anchors.network import TRACE
from cryotools.core.compute.checkpoint import Architecture
from cryotools.core.errors import check_choice
from cryotools.core.structures.structure import Structure
from cryotools.homologs.adapt.task import JudgedTask
from cryotools.homologs.structures import homolog_entries, homolog_structures
from cryotools.simulate.boxes import BoxStyle, Experiment
from cryotools.sites.learning.examples import SiteExample, make_site_example
from cryotools.sites.learning.train import SiteTask, SiteTraining
from cryotools.sites.network import BINDING_SITES
from cryotools.sse.learning.simulated import simulated_example
from cryotools.sse.learning.train import ClassifierTask, ClassifierTraining
from cryotools.sse.network import SECONDARY_STRUCTURE


@dataclass(frozen=True)
class TunedKind:
    """One kind of network.

    Attributes
    ----------
    weights : name of the shipped network
    architecture : that of the network
    homologs : reads those of a folder, as `example` takes them
    example : makes an example from a homolog, random numbers, a style of boxes and an experiment
    task : makes a task from examples, the network, the cubes of a batch and a device
    """

    weights: str
    architecture: Architecture
    homologs: Callable[[str | os.PathLike[str]], list[Structure]]
    example: Callable[[Structure, np.random.Generator, BoxStyle, Experiment | None], Any]
    task: Callable[[Sequence[Any], Any, int, torch.device], JudgedTask]


def tuned_kind(name: str) -> TunedKind:
    """The kind called `name`, one of TUNED.

    Raises
    ------
    UsageError
        There is none.
    """
    check_choice("task", name, tuple(TUNED))
    return TUNED[name]


def _classifier(examples: Sequence[Any], network: Any, batch: int, device: torch.device) -> JudgedTask:
    config = ClassifierTraining(network=network.config, batch=batch, untold=0.0, weight_decay=0.0)
    return ClassifierTask([], examples, [], config, device, network)


def _trace(examples: Sequence[Any], network: Any, batch: int, device: torch.device) -> JudgedTask:
    config = TraceTraining(network=network.config, batch=batch, untold=0.0, weight_decay=0.0)
    return TraceTask({SIM: (1.0, Single(examples))}, [], config, device, network)


def _sites(examples: Sequence[Any], network: Any, batch: int, device: torch.device) -> JudgedTask:
    config = SiteTraining(network=network.config, batch=batch, untold=0.0, weight_decay=0.0)
    return SiteTask(examples, [], config, device, network)


def _site_example(
    entry: Structure, random: np.random.Generator, style: BoxStyle, experiment: Experiment | None
) -> SiteExample:
    return make_site_example(entry, random, style=style, experiment=experiment, chain=str(entry.chain[0]))


TUNED = {
    "sse": TunedKind("secondary-structure", SECONDARY_STRUCTURE, homolog_structures, simulated_example, _classifier),
    "anchors": TunedKind("residue-trace", TRACE, homolog_structures, residue_box, _trace),
    "sites": TunedKind("binding-sites", BINDING_SITES, homolog_entries, _site_example, _sites),
}
