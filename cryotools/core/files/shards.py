"""Divide a long list among the tasks of a job array."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryotools.core.errors import ArgumentError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, counted from 1."""

    number: int = 1
    count: int = 1

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Every `count`-th item, so that long and short ones are spread over the parts."""
        return list(items[self.number - 1 :: self.count])

    def name(self, stem: str, suffix: str) -> str:
        """`stem`, followed by the part if there are several, and `suffix`."""
        return f"{stem}{suffix}" if self.count == 1 else f"{stem}-{self.number}-of-{self.count}{suffix}"


def parse_shard(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard:
    """The part `i/n`, else that of the SLURM array task, else everything.

    Raises
    ------
    UsageError
        The text is not i/n with 1 ≤ i ≤ n.
    """
    if text is None:
        task, lowest, count = (environment.get(f"SLURM_ARRAY_TASK_{key}", "") for key in ("ID", "MIN", "COUNT"))
        if not all(value.isdigit() for value in (task, lowest, count)):
            return Shard()
        return Shard(int(task) - int(lowest) + 1, int(count))
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise ArgumentError("shard", text, "give part and count, such as 1/4 or 2/4")
    return Shard(int(found[1]), int(found[2]))
