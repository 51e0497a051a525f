"""Tables of measured runs as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from measured import Measured


def sets(runs: Sequence[Measured]) -> str:
    """A line per set."""
    rows = []
    for name, one in {each.name: each for each in runs}.items():
        found = one.scores
        pixels = f"{found['box']} px of {found['voxel_size_A']:.3g} Å"
        rows.append([name, found["n_particles"], pixels, found["n_states"], found["n_junk"], found["largest_area"]])
    return table(["set", "images", "box", "states", "junk", "largest area"], rows)


def volumes(runs: Sequence[Measured]) -> str:
    """How well volumes agree with the true ones."""
    keys = ("image_area_mean", "image_area_std", "image_area_median", "image_masked_area_mean", "state_area_mean")
    rows = [
        [*_named(one), *(one.scores.get(key) for key in keys), one.scores.get("image_baseline_mean")] for one in runs
    ]
    head = [
        "set",
        "program",
        "epochs",
        "area per image",
        "s. d.",
        "median",
        "masked",
        "area per state",
        "one true mean",
    ]
    return table(head, rows)


def places(runs: Sequence[Measured]) -> str:
    """How well the latent space tells states apart."""
    keys = ("ari", "ami", "accuracy", "neighbours", "neighbours_by_chance", "motion_distances", "junk_roc_area")
    rows = [[*_named(one), *(one.scores.get(key) for key in keys)] for one in runs]
    head = ["set", "program", "epochs", "ARI", "AMI", "accuracy", "neighbours", "by chance", "distances", "junk"]
    return table(head, rows)


def times(runs: Sequence[Measured]) -> str:
    """Processor time, and images per second of it."""
    rows = []
    for one in runs:
        rate = one.scores["n_particles"] * one.epochs / one.seconds if one.epochs else None
        rows.append([*_named(one), f"{one.seconds:.0f}", "–" if rate is None else f"{rate:.0f}"])
    return table(["set", "program", "epochs", "processor time, s", "images per second"], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; numbers with three digits, – where there is none."""
    lines = [head, ["---"] * len(head), *([_cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _named(one: Measured) -> list[str]:
    return [one.name, one.program, str(one.epochs) if one.epochs else "–"]


def _cell(value: object) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
