"""Domains of training examples: experimental maps, simulated boxes and crystal density, and how often each is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from cryotools.anchors.learning.examples import ResidueExample
from cryotools.core.errors import DataError

EM, SIM, XRAY = "em", "sim", "xray"
DOMAINS = (EM, SIM, XRAY)
_TRIES = 1000
Used = TypeVar("Used")

Domains = Mapping[str, tuple[float, Sequence[Sequence[ResidueExample]]]]
"""For each domain its share of the draws, and its molecules, each as one or several versions."""


def draw_example(domains: Domains, random: np.random.Generator) -> tuple[ResidueExample, int]:
    """A random version of a random molecule, and the number of its domain in DOMAINS."""
    names = list(domains)
    share = np.array([domains[name][0] for name in names])
    name = names[random.choice(len(names), p=share / share.sum())]
    molecules = domains[name][1]
    versions = molecules[int(random.integers(len(molecules)))]
    return versions[int(random.integers(len(versions)))], DOMAINS.index(name)


def draw_usable(
    domains: Domains, random: np.random.Generator, use: Callable[[ResidueExample, np.random.Generator], Used | None]
) -> tuple[ResidueExample, int, Used]:
    """A random example, the number of its domain, and what `use` makes of it; as long as that is None, another one.

    Raises
    ------
    DataError
        It was None for each of a thousand examples.
    """
    for _ in range(_TRIES):
        example, domain = draw_example(domains, random)
        made = use(example, random)
        if made is not None:
            return example, domain, made
    raise DataError(f"{_TRIES} maps were drawn and none has residues to train on; give maps of proteins")


class Single(Sequence[Sequence[ResidueExample]]):
    """Examples of which each is the only version of its molecule; read from disk when asked for."""

    def __init__(self, examples: Sequence[ResidueExample]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, number):  # type: ignore[no-untyped-def]
        return (self.examples[number],)
