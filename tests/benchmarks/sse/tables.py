"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryotools.metrics.bootstrap import Interval


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """`rows` under `header`."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def number(value: float, digits: int = 3) -> str:
    """A dash for what is not there."""
    return f"{value:.{digits}f}" if value == value else "-"


def beside(value: float, baseline: float) -> str:
    """A score, and the trivial one in brackets."""
    return f"{number(value)} ({number(baseline)})"


def interval(found: Interval) -> str:
    """A mean or median over maps and its 95 % bootstrap interval."""
    return (
        f"{number(found.value)} ({number(found.low)} to {number(found.high)})" if found.n > 1 else number(found.value)
    )
