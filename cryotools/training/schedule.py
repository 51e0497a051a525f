"""When a run ends, and how fast it learns until then."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Schedule:
    """Learning rates of a run of at most `steps` steps.

    The rate rises over `warmup` steps to `peak`. Without `cooldown` it falls as a cosine to a hundredth of the peak at
    the end. With `cooldown` it stays, until `finish` is called or the rest is what the fall takes: a fraction
    `cooldown` of the steps done before, over which it falls linearly to a hundredth.

    Attributes
    ----------
    falls_from : the step at which the rate begins to fall early, None as long as that is not decided
    """

    steps: int
    peak: float
    warmup: int
    cooldown: float | None = None
    falls_from: int | None = None

    @property
    def end(self) -> int:
        """The number of steps of the whole run, as far as is decided."""
        if self.cooldown is None or self.falls_from is None:
            return self.steps
        return min(self.steps, self.falls_from + max(1, round(self.cooldown * self.falls_from)))

    def finish(self, done: int) -> None:
        """Let the rate fall from step `done` on, if it does not yet; without `cooldown` the run goes on."""
        if self.cooldown is not None and self.falls_from is None and done < self._latest(self.cooldown):
            self.falls_from = done

    def rate(self, step: int) -> float:
        """The learning rate of a step, from 0."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        if self.cooldown is None:
            done = (step - self.warmup) / max(self.steps - self.warmup, 1)
            return self.peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        first = self._latest(self.cooldown) if self.falls_from is None else self.falls_from
        return self.peak * (1 - 0.99 * min(max((step - first) / max(self.end - first, 1), 0), 1))

    def _latest(self, cooldown: float) -> int:
        return round(self.steps / (1 + cooldown))
