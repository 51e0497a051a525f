"""What the benchmarks of several rooms share: networks by fold, peak memory, tables."""

from __future__ import annotations

import argparse
import resource
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryotools.metrics.bootstrap import Interval


def by_fold(text: str | None) -> dict[int, str]:
    """The files of `0=FILE,1=FILE,…`, by fold."""
    pairs = (part.partition("=") for part in (text or "").split(",") if part)
    try:
        return {int(fold): file for fold, _, file in pairs}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: write it like 0=a.safetensors,1=b.safetensors") from None


def peak_memory() -> float:
    """Peak resident megabytes (MiB) of this process.

    Linux counts into ru_maxrss what the parent had before this program began, but not into VmHWM.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; floats with two decimals, a dash for NaN."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_shown, line))} |" for line in lines)


def slashed(*values: float) -> str:
    """Values in one cell, two decimals each."""
    return " / ".join(map(_shown, map(float, values)))


def interval(found: Interval, digits: int = 3) -> str:
    """A mean over maps and its 95 % bootstrap interval."""
    if found.n < 2:
        return f"{found.value:.{digits}f} (1 map)" if found.n else "-"
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f}; {found.n} maps)"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.2f}"
    return str(value)
