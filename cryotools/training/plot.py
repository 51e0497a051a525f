"""The record of a training run: a line of metrics.csv for each validation, and their curves."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from cryotools.core.errors import DataError
from cryotools.core.files.output import write_text
from cryotools.view.picture import is_possible, save_figure

_NO_LOSS = ("step", "seconds", "accuracy")


def read_metrics(path: str | os.PathLike[str]) -> dict[str, list[float]]:
    """The columns of metrics.csv by name.

    Raises
    ------
    DataError
        The file is missing, or contains anything but numbers.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            header, *rows = list(csv.reader(stream))
            return {name: [float(row[number]) for row in rows] for number, name in enumerate(header)}
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise DataError(f"{path}: is not a table of a training run ({error})") from error


def add_metrics(path: Path, values: Mapping[str, float]) -> None:
    """Add a line to metrics.csv, whole or not at all, with a header of the names if the file is new."""
    before = path.read_text(encoding="utf-8") if path.exists() else ",".join(values) + "\n"
    line = ",".join(f"{value:.5g}" if isinstance(value, float) else str(value) for value in values.values())
    write_text(path, f"{before}{line}\n")


def forget_metrics_after(path: Path, step: int) -> None:
    """Drop the lines of metrics.csv that belong to steps after the checkpoint: they will be redone."""
    if path.exists():
        header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        write_text(path, header + "".join(line for line in lines if int(line.split(",")[0]) <= step))


def write_scores(path: Path, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Write the scores of the held-out maps as CSV, one line per map."""
    names = list(next(iter(scores.values())))
    lines = [",".join([of, *(f"{values[name]:.4f}" for name in names)]) for of, values in scores.items()]
    write_text(path, "\n".join([",".join(["id", *names]), *lines, ""]))


def draw_losses(path: str | os.PathLike[str], metrics: dict[str, list[float]]) -> None:
    """Draw losses and held-out scores against steps; does nothing if matplotlib is missing."""
    if not is_possible():
        return
    from matplotlib.figure import Figure

    scores = [name for name in metrics if name.startswith("held_out")]
    losses = [name for name in metrics if name not in (*scores, *_NO_LOSS)]
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, names, title in zip(panels, (losses, scores), ("losses", "held-out maps"), strict=True):
        for name in names:
            panel.plot(metrics["step"], metrics[name], marker=".", label=name.removeprefix("held_out_"))
        panel.set(title=title, xlabel="step")
        panel.grid(alpha=0.3)
        if names:
            panel.legend(fontsize=8)
    if any(value > 0 for name in losses for value in metrics[name]):
        panels[0].set_yscale("log")
    save_figure(figure, str(path))
