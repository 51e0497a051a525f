"""Domains of training examples: experimental maps, simulated boxes and crystal density, and how often each is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cryotools.anchors.learning.examples import ResidueExample

EM, SIM, XRAY = "em", "sim", "xray"
DOMAINS = (EM, SIM, XRAY)

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


class Single(Sequence[Sequence[ResidueExample]]):
    """Examples of which each is the only version of its molecule; read from disk when asked for."""

    def __init__(self, examples: Sequence[ResidueExample]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, number):  # type: ignore[no-untyped-def]
        return (self.examples[number],)
