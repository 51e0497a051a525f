"""The files of a reconstruction."""

from __future__ import annotations

import os
from pathlib import Path

from cryotools.core.files.output import output_set, write_text
from cryotools.core.maps.mapwrite import write_map
from cryotools.heterogeneity.backproject import Reconstruction
from cryotools.metrics.report import fsc_csv_text, fsc_panel
from cryotools.view.picture import save_figure, three_views


def reconstruction_files(path: str | os.PathLike[str]) -> tuple[str, str, str]:
    """The two half maps and the FSC table beside the map `path`: NAME_half1.mrc, NAME_half2.mrc and NAME_fsc.csv."""
    whole = Path(path)
    packed = whole.suffix if whole.suffix.lower() in (".gz", ".bz2") else ""
    plain = Path(whole.name.removesuffix(packed))
    first, second = (str(whole.with_name(f"{plain.stem}_half{k}{plain.suffix}{packed}")) for k in (1, 2))
    return first, second, str(whole.with_name(f"{plain.stem}_fsc.csv"))


def write_reconstruction(path: str | os.PathLike[str], found: Reconstruction, label: str) -> list[str]:
    """Write the map, its halves and their FSC, all of them or none; returns their names."""
    first, second, table = reconstruction_files(path)
    with output_set():
        for name, volume in zip((first, second), found.halves, strict=True):
            write_map(name, volume, label=label)
        write_text(table, fsc_csv_text(found.fsc))
        write_map(path, found.volume, label=label)
    return [first, second, table, os.fspath(path)]


def draw_reconstruction(path: str, found: Reconstruction, title: str) -> None:
    """Draw three views of the map and the FSC of its halves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 3.9), layout="constrained")
    *views, curve = figure.subplots(1, 4)
    three_views(views, title, found.volume)
    fsc_panel(curve, found.fsc)
    curve.set_title("FSC of the halves", fontsize=9)
    save_figure(figure, path)
