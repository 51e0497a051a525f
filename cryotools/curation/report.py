"""Curation report: a verdict per entry, as a table (CSV), a page with thumbnails (HTML) and a picture (PNG)."""

from __future__ import annotations

import base64
import csv
import math
import os
import struct
import zlib
from dataclasses import dataclass, field, fields
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from cryotools.core.files.output import atomic_path, write_text
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import Structure
from cryotools.training.pairs import load_pair

KEPT, DROPPED, FAILED = "kept", "dropped", "failed"
_PIXELS = 240  # maximum edge of a thumbnail
_ATOM = 255  # the palette's last colour; the others are greys
_PALETTE = bytes(np.repeat(np.arange(255, dtype=np.uint8), 3)) + bytes((255, 127, 14))
_HEADINGS = {
    "resolution_A": "resolution, Å",
    "n_residues": "residues",
    "backbone_sigma": "backbone, σ",
    "control_sigma": "control, σ",
    "correlation": "correlation",
    "pearson": "Pearson",
    "unmodelled_fraction": "unmodelled",
}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Curated pairs</title>
<style>
body {{ font: 14px/1.4 sans-serif; margin: 2em; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 4px 10px; border-bottom: 1px solid #ddd; text-align: right; vertical-align: middle; }}
th {{ position: sticky; top: 0; background: #fff; }}
.text {{ text-align: left; max-width: 28em; overflow-wrap: anywhere; }}
img {{ width: 160px; display: block; }}
.kept .status {{ color: #2a7f2a; }} .dropped .status {{ color: #a65c00; }} .failed .status {{ color: #b00020; }}
</style>
</head>
<body>
<h1>Curated pairs</h1>
<p>{summary}</p>
<p>Pictures: the section through the middle of the atoms, atoms within 1 Å of it in orange. Correlation and Pearson are
with molmap near the atoms; control is the mean density at shifted copies of the backbone; unmodelled is the fraction of
the box.</p>
<table>
<thead><tr>{headings}</tr></thead>
{bodies}
</table>
</body>
</html>
"""


@dataclass(frozen=True)
class PairVerdict:
    """Result of curating one entry: `status` is "kept", "dropped" (by the rules) or "failed" (not readable); `reason`
    is empty if it was kept; `warnings` list anything unusual in the files. `thumbnail` is a PNG, empty without a map.
    """

    id: str
    status: str
    reason: str
    resolution_A: float = float("nan")
    n_residues: int = 0
    backbone_sigma: float = float("nan")
    control_sigma: float = float("nan")
    correlation: float = float("nan")
    pearson: float = float("nan")
    unmodelled_fraction: float = float("nan")
    warnings: str = ""
    thumbnail: bytes = field(default=b"", repr=False, compare=False)


def write_report(path: str | os.PathLike[str], verdicts: list[PairVerdict]) -> None:
    """Write all verdicts as CSV, one per line."""
    columns = [column.name for column in fields(PairVerdict) if column.name != "thumbnail"]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for verdict in verdicts:
            values = [getattr(verdict, column) for column in columns]
            writer.writerow([_cell(value) for value in values])


def draw_report(path: str | os.PathLike[str], folder: str | os.PathLike[str], verdicts: list[PairVerdict]) -> None:
    """Draw a section of every pair that was kept, with its scores; does nothing without matplotlib."""
    from cryotools.view.picture import draw_sections, is_possible

    kept = [verdict for verdict in verdicts if verdict.status == KEPT]
    if not kept or not is_possible():
        return
    pairs = [load_pair(Path(folder) / f"{verdict.id}.npz") for verdict in kept]
    titles = [f"{v.id}, {v.resolution_A:g} Å, correlation {v.correlation:.2f}" for v in kept]
    draw_sections(str(path), titles, [pair.target for pair in pairs], [pair.structure for pair in pairs])


def write_page(path: str | os.PathLike[str], verdicts: list[PairVerdict]) -> None:
    """Write all verdicts as a self-contained HTML page: first failed, then dropped, then kept entries."""
    groups = {status: [v for v in verdicts if v.status == status] for status in (FAILED, DROPPED, KEPT)}
    parts = [f'<a href="#{s}">{len(groups[s])} {s}</a>' if groups[s] else f"0 {s}" for s in (KEPT, DROPPED, FAILED)]
    bodies = [
        f'<tbody id="{status}" class="{status}">\n' + "\n".join(map(_row, group)) + "\n</tbody>"
        for status, group in groups.items()
        if group
    ]
    headings = "".join(f'<th class="text">{name}</th>' for name in ("section", "id", "status", "reason", "warnings"))
    headings += "".join(f"<th>{name}</th>" for name in _HEADINGS.values())
    summary = f"{len(verdicts)} entries: {', '.join(parts)}; {sum(bool(v.warnings) for v in verdicts)} with warnings."
    write_text(path, _PAGE.format(summary=summary, headings=headings, bodies="\n".join(bodies)))


def thumbnail(volume: Volume, structure: Structure) -> bytes:
    """The section of `volume` through the centroid of the atoms, y upwards, as a small PNG with nearby atoms."""
    middle = structure.xyz.mean(axis=0)
    plane = int(np.clip(np.rint(volume.world_to_index(middle)[2]), 0, len(volume.data) - 1))
    step = -(-max(volume.data.shape[1:]) // _PIXELS)
    section = volume.data[plane, ::step, ::step]
    low, high = np.percentile(section, (1, 99.8))
    grey = 254 * np.clip((section - low) / max(high - low, 1e-12), 0, 1)
    colours = np.rint(grey).astype(np.uint8)
    at = volume.world_to_index(structure.xyz[np.abs(structure.xyz[:, 2] - volume.grid.axis(2)[plane]) < 1.0])
    x, y = np.rint(at[:, :2] / step).astype(int).T
    inside = (x >= 0) & (x < colours.shape[1]) & (y >= 0) & (y < colours.shape[0])
    colours[y[inside], x[inside]] = _ATOM
    return _png(colours[::-1])


def _row(verdict: PairVerdict) -> str:
    picture = ""
    if verdict.thumbnail:
        data = base64.b64encode(verdict.thumbnail).decode("ascii")
        picture = f'<img alt="section of {escape(verdict.id)}" src="data:image/png;base64,{data}">'
    texts = [picture, escape(verdict.id), verdict.status, escape(verdict.reason), escape(verdict.warnings)]
    classes = ["text", "text", "text status", "text", "text"]
    cells = [f'<td class="{name}">{text}</td>' for name, text in zip(classes, texts, strict=True)]
    has_scores = verdict.n_residues > 0
    cells += [f"<td>{_number(getattr(verdict, key)) if has_scores else '–'}</td>" for key in _HEADINGS]
    return f"<tr>{''.join(cells)}</tr>"


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return value


def _number(value: float) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3g}"
    return str(value)


def _png(colours: np.ndarray) -> bytes:
    """Encode palette indices, uint8 (height, width), as PNG (ISO/IEC 15948)."""
    height, width = colours.shape
    rows = np.pad(colours, ((0, 0), (1, 0)))  # each row starts with its filter type: none
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", _PALETTE),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    packed = [struct.pack(">I", len(b)) + kind + b + struct.pack(">I", zlib.crc32(kind + b)) for kind, b in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
