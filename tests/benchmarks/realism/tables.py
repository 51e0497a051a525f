"""Tables in Markdown: a row per map, the mean with a 95 % bootstrap interval over maps, and gains over a baseline."""

from __future__ import annotations

from cryotools.metrics.bootstrap import bootstrap_interval
from cryotools.training.pairs import Pair


def table(title: str, pairs: list[Pair], rows: list[dict[str, float]]) -> str:
    """`rows` hold a value per column for each pair."""
    lines = [f"\n#### {title}\n", f"| map | Å | {' | '.join(rows[0])} |", f"|---|---|{'---|' * len(rows[0])}"]
    for pair, row in zip(pairs, rows, strict=True):
        lines.append(f"| {pair.id} | {pair.resolution:g} | {' | '.join(f'{value:.3f}' for value in row.values())} |")
    lines.append(f"| mean | | {' | '.join(interval([row[name] for row in rows]) for name in rows[0])} |")
    return "\n".join(lines)


def gains(name: str, baseline: str, rows: list[dict[str, float]]) -> str:
    """How much `name` gains over `baseline`: mean, interval, and on how many maps it is worse."""
    differences = [row[name] - row[baseline] for row in rows]
    worse = sum(difference < 0 for difference in differences)
    return f"{name} over {baseline}: {interval(differences)}, worse on {worse} of {len(rows)}"


def interval(values: list[float]) -> str:
    """The mean and the middle 95 % of means of resampled maps."""
    found = bootstrap_interval(values)
    return f"**{found.value:.3f}** ({found.low:.3f} to {found.high:.3f})"
